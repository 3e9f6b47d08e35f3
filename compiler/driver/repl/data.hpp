// The data file of a session: its arrays by name, which expressions read whole.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "compiler/embed/include/nodec/nodec.hpp"

namespace nodec::driver {

// What `:data` was given, as `--data` and `--columns` take it.
struct DataSource {
  std::string file;  // "": none
  std::vector<std::string> columns;
  struct Named {
    std::string name;
    std::vector<int64_t> shape;
    bool integer = false;
  };
  std::vector<Named> arrays;

  const Named* find(const std::string& name) const;
};

// The source with the names and shapes of its arrays.
Result<DataSource> look_at(const std::string& file, const std::vector<std::string>& columns);

// Some of its arrays.
Result<Arrays> read_named(const DataSource& source, const std::set<std::string>& names);

// `data y: real[21, 2]`, as a member of a model.
std::string declaration(const DataSource::Named& array);

}  // namespace nodec::driver
