// Tile programs -> one module of functions that C calls, with everything that the runtime does for them.
//
// In: the programs of a model, each for batches of so many samples, and the order of the members of the C
// structures. Out: for every entry `NAME(inputs, results, workspace, bytes, failure)`, which cuts a batch
// into tiles and adds their sums up as the runtime does on one thread, in memory that the caller gives; and
// `NAME_workspace(inputs, steps)`, how many bytes that is. All members of the structures are pointers or
// 64-bit integers. Nothing is written but the caller's memory; what it calls besides is memcpy, memmove and
// memset (and libm, for a target without fused multiply-add or rounding).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/codegen/codegen.hpp"

namespace nodec::codegen {

// What a call that did nothing returns; what went wrong with a sample is a runtime::Failure.
enum class Refusal : int32_t {
  workspace_too_small = 6,
  bad_argument = 7,  // a null pointer, or a size that the model cannot have
  integer_out_of_range = 8,
};

// What is told of failed samples.
struct FailureReport {
  int64_t sample;  // the first that failed
  int64_t failed;  // how many
  double t, h;     // as in runtime::Status
  int32_t code, solve, state, steps;
};

struct Library {
  // The members of the inputs, in this order: the number of samples, these lengths, the parameters if there
  // are any, these data, noise of these streams.
  std::vector<std::string> lengths;
  bool parameters = false;
  std::vector<std::string> data;
  std::vector<int> noise;

  // What must hold before anything is computed: extents that are not negative, integers in [lower, upper).
  struct Range {
    std::string data;
    graph::Extent lower, upper;
  };
  std::vector<graph::Extent> requirements;
  std::vector<Range> ranges;

  struct Entry {
    std::string name;
    // What runs batches of at least so many samples; ascending, the first from 0.
    struct Variant {
      int64_t samples;
      const schedule::Program* program;
    };
    std::vector<Variant> variants;
    // The members of the results, by the names that the programs give them; `all_parameters` stands for the
    // gradients of all parameters, one after the other.
    std::vector<std::string> results;
    // A failed sample makes its own results unknown, and those that all samples share.
    bool unknown_when_failed = false;
  };
  static constexpr char all_parameters[] = "param:";
  std::vector<Entry> entries;

  // Values of parameters that the library brings along, read-only; none without a name.
  std::string weights_name;
  std::vector<double> weights;
};

Module emit_library(const Library& library, const Target& target);

}  // namespace nodec::codegen
