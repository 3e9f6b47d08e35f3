// A solve's states -> their places in its flat vector (see solving.hpp), and in rows of those that equations
// read and of the quadratures apart.
#pragma once

#include <vector>

#include "compiler/graph/graph.hpp"
#include "compiler/schedule/location.hpp"

namespace nodec::schedule {

class StateLayout {
 public:
  explicit StateLayout(graph::Ref solve);

  size_t count() const { return types_.size(); }
  int64_t elements() const { return elements_; }  // D
  int64_t quadratures() const {
    return elements_ - read_;
  }                                       // of them, those of states that no equation reads
  int64_t read() const { return read_; }  // the others
  bool quadrature(size_t state) const { return quadrature_[state]; }
  const std::vector<bool>& quadrature() const { return quadrature_; }
  int64_t offset(size_t state) const { return offsets_[state]; }
  int64_t size(size_t state) const { return types_[state].size().value(); }

  Location at(BufferId rows, size_t state) const;
  // At each observation time: rows of all states, one after another.
  Location observed(BufferId rows, size_t state) const;
  // In [read()] and [quadratures()].
  Location apart(BufferId read, BufferId quadratures, size_t state) const;

 private:
  std::vector<graph::Type> types_;
  std::vector<bool> quadrature_;
  std::vector<int64_t> offsets_;
  int64_t elements_ = 0, read_ = 0;
};

}  // namespace nodec::schedule
