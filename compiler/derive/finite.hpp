// An expression -> whether its value is certainly finite, given that what users provide and states are.
#pragma once

#include <unordered_map>

#include "compiler/graph/graph.hpp"

namespace nodec::derive {

// Overflow of sums and products does not count; a function that leaves the reals or has a pole (exp, log, /)
// does.
class Finiteness {
 public:
  bool operator()(graph::Ref x);

 private:
  std::unordered_map<graph::Ref, bool> known_;
};

}  // namespace nodec::derive
