// Files of arrays by their extension: .npz, .npy, .safetensors, .csv.
#pragma once

#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "runtime/arrays.hpp"

namespace nodec::runtime {

// Every array of a file. Each reader verifies what the file claims against its real size before it allocates,
// refuses duplicate names and reports the file and the array at fault. With a `mapping`, what keeps `bytes`
// alive, arrays that lie in them as they are in memory stay there.
Result<Arrays> read_npz(const std::string& file, std::span<const std::byte> bytes,
                        const std::shared_ptr<const void>& mapping = nullptr);
Result<Arrays> read_safetensors(const std::string& file, std::span<const std::byte> bytes,
                                const std::shared_ptr<const void>& mapping = nullptr);

// The contents of a file. Names must be distinct, as Arrays holds them.
Result<std::vector<std::byte>> write_npz(const std::string& file, const Arrays& arrays, bool deflate = false);
std::vector<std::byte> write_safetensors(const Arrays& arrays);

// How arrays become a table: a column for each element of an array (`y[0]`, `y[0, 1]`), one row for each
// sample, or for each entry of the row axis, which is the first axis (after the samples) of the arrays named
// in `rows`; the others repeat.
struct TableLayout {
  bool sample_axis =
      false;  // every array's first axis is the sample; with `rows`, a column `series` tells them apart
  std::set<std::string> rows;
};
Result<std::string> write_csv(const std::string& file, const Arrays& arrays, const TableLayout& layout);

// By extension; large files are mapped, so that data larger than the memory can be read. `.npy` holds one
// array, which is named as the file is.
Result<Arrays> read_arrays(const std::string& path);
Result<Done> write_arrays(const std::string& path, const Arrays& arrays, const TableLayout& layout = {});

// ".npz" of "a/b.npz", lower case; "" when there is none.
std::string extension(const std::string& path);

}  // namespace nodec::runtime
