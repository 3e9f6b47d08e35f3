// The program under construction: leaves, interface, and values of the prologue that any function may read.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <unordered_map>

#include "compiler/schedule/location.hpp"
#include "compiler/schedule/lower.hpp"
#include "compiler/schedule/rates.hpp"

namespace nodec::schedule {

class Tensors;

class ProgramWriter {
 public:
  explicit ProgramWriter(const Request& request);
  ~ProgramWriter();

  Program& program() { return program_; }
  Rates& rates() { return rates_; }
  const Request& request() const { return request_; }

  FunctionId function(const std::string& name);
  BufferId buffer(Buffer description);
  // A leaf's memory: parameter, data, random, setting, or a constant's table. None for other nodes.
  Location leaf(graph::Ref node);
  // A value of prologue rate, computed there once, in row-major order.
  Location hoist(graph::Ref node);
  // A matrix of prologue rate [rows][columns] (or [columns][rows] when transposed), packed for `contract` in
  // the prologue once.
  BufferId pack(graph::Ref matrix, int64_t rows, int64_t columns, bool transposed);
  // The memory that a sum over the batch is collected in.
  Location accumulator(graph::Ref batch_sum);
  // The number of a source position in the interface.
  int place(const std::string& text);

  void refuse(const std::string& what) {
    if (refusal_.empty()) refusal_ = what;
  }
  const std::string& refusal() const { return refusal_; }

 private:
  const Request& request_;
  Program program_;
  Rates rates_;
  std::unique_ptr<Tensors> prologue_;
  std::unordered_map<graph::Ref, Location> leaves_, hoisted_, accumulators_;
  std::map<std::string, int64_t> parameter_offsets_;
  std::map<std::tuple<BufferId, graph::Extent, int64_t, int64_t, bool>, BufferId> packs_;
  std::string refusal_;
};

}  // namespace nodec::schedule
