// The record of a training run: a CSV file that grows by a row a step.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/error.hpp"

namespace nodec::runtime {

class Log {
 public:
  // Starts a file with a header. With `keep`, goes on with the file that is there, with its rows whose first
  // cell is at most `keep`; its header must be the same.
  static Result<Log> open(const std::string& path, const std::vector<std::string>& columns,
                          std::optional<int64_t> keep = std::nullopt);

  // A cell without a value is empty. Rows reach the file at `flush`, and now and then before.
  void row(int64_t step, const std::vector<std::optional<double>>& cells);
  // To the disk, so that a checkpoint written afterwards never knows of steps that the log lacks.
  Result<Done> flush();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  Log(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}

  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
  bool failed_ = false;
};

}  // namespace nodec::runtime
