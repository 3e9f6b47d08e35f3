// Arrays of a data file to the data that a model declares: what is shared, how many samples, how long each
// is.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/arrays.hpp"
#include "runtime/table.hpp"

namespace nodec::runtime {

// What a length is, by its name (`T`).
using Lengths = std::map<std::string, int64_t>;

// An extent of a declared array: Σ coefficient · Π lengths, as graph::Extent.
struct Extent {
  struct Term {
    int64_t coefficient = 1;
    std::vector<std::string> lengths;  // empty: the constant term
  };
  std::vector<Term> terms;  // none: 0

  Extent() = default;
  Extent(int64_t value) : terms{{value, {}}} {}
  static Extent length(const std::string& name) { return Extent(std::vector<Term>{{1, {name}}}); }
  explicit Extent(std::vector<Term> sum) : terms(std::move(sum)) {}

  bool is_constant() const;
  // Nothing when a length is not known, or the value is not of int64_t.
  std::optional<int64_t> evaluate(const Lengths& lengths) const;
  std::string text() const;  // "2*T + 1"
};

// One array that a model reads.
struct Declared {
  std::string name;
  std::vector<Extent> shape = {};  // of one sample
  bool integer = false;
  std::optional<std::pair<Extent, Extent>> bounds = std::nullopt;  // of integers: [first, second)
  bool constant = false;  // one for all samples: a sample axis is an error
  bool missing = false;   // entries may be NaN
  bool monotone = false;  // times: each sample's must be in order, either way (equal neighbors too)
};

// What a data file holds.
struct DataFile {
  std::string path;
  std::variant<Arrays, Table> contents;
};
// By extension, or "NAME=FILE,NAME=FILE": each array from a .npy or IDX file of its own.
Result<DataFile> read_data(const std::string& path);

struct BindOptions {
  bool double_precision = true;
  // Mapped arrays of another element type than the precision's are copied up to this many bytes of copy;
  // larger ones are converted batch by batch.
  size_t largest_copy = size_t{1} << 30;
  ColumnMap columns;                 // of a table: --columns
  std::vector<std::string> lengths;  // order of Binding::lengths; others that occur follow
  // The value of an atom that is not a name that data can give, such as "(T - 3)//2".
  std::function<std::optional<int64_t>(const std::string& atom, const Lengths& lengths)> derived;
};

struct BoundArray {
  std::string name;
  bool shared = false;
  std::vector<int64_t> shape;  // of one sample, with the largest lengths
  int64_t stride = 0;          // elements from one sample to the next, 0 when shared
  Reals values;                // [samples]? shape…; ints as reals, exactly
};

struct Binding {
  std::vector<BoundArray> arrays;         // in order of declaration
  int64_t samples = 0;                    // 0: no array has a sample axis
  std::vector<std::string> length_names;  // BindOptions::lengths first
  std::vector<int64_t> lengths;           // by length: the largest of all samples
  std::vector<int32_t> sample_lengths;    // [sample][length], empty when all samples have the lengths above
  Errors warnings;                        // names that the model does not use
};

// Decides by rank whether an array has a sample axis; finds the lengths that make the declared shapes those
// of the arrays. Lengths differ by sample when a table has series, or when an integer array is named like the
// length, beside padded arrays; what lies beyond a sample's own length is filled with its last entry, never
// read from the file. A table has one sample a series where an array begins with a length, and otherwise one
// a row. Errors name file, array, sample, what was expected and what was found; one for each array.
Result<Binding> bind(const DataFile& file, const std::vector<Declared>& declared, const BindOptions& options);

}  // namespace nodec::runtime
