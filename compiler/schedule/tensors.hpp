// Tensor expressions -> loops of one tile function.
//
// Each node is either materialized (loops that fill a buffer, once, at the top of the function) or inlined
// (evaluated at its user's index). In: wishes for nodes' values. Never here: which function computes what
// (lower.cpp), how time is stepped (solves.cpp), calculus.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "compiler/schedule/builder.hpp"
#include "compiler/schedule/location.hpp"
#include "compiler/schedule/program_writer.hpp"

namespace nodec::schedule {

// One index per axis: an index (uniform) or a lanes integer.
using Index = std::vector<Value>;

// A contract that is W[kept, summed] · x[batch, summed] -> [batch, kept], W uniform and x per lane; or a
// contract of two tensors per lane that is Σ_summed a[summed, kept] ⊗ b[summed, batch] (outer products).
// Labels in the order of W, or of the result.
struct Product {
  bool found = false;
  int first = 0, second = 1;  // operand numbers of W and x, or of a and b
  bool transposed = false;    // W's summed axes come first
  int64_t rows = 0, columns = 0;
  std::string batch, kept, summed;
};

class Tensors {
 public:
  struct Role {
    const graph::Lambda* inside = nullptr;   // whose body is written here
    std::span<const graph::Ref> frontier{};  // what that lambda captures
    BufferId running = none;  // 1 in the lanes that count, of a loop's step; none: all that are live
    bool uniform = false;     // no lanes: prologue and epilogue
    bool epilogue = false;
    bool clear_idle = false;  // idle lanes may hold anything, so that sums over lanes must leave them out
    Storage storage = Storage::frame;
  };
  // Writes a solve or an adjoint and locates its parts.
  using Structured = std::function<void(Tensors&, graph::Ref)>;

  Tensors(ProgramWriter& writer, FunctionId function, const Role& role, Structured structured = {});

  Builder& builder() { return b_; }
  ProgramWriter& writer() { return writer_; }

  // The value of a node, or of a component of a tuple, lies there already.
  void locate(graph::Ref node, const Location& at) { located_[node] = at; }
  void locate_part(graph::Ref tuple, int index, const Location& at) { located_parts_[{tuple, index}] = at; }

  // Wishes, granted by `write`.
  void store(graph::Ref node, const Location& to);   // each element, overwritten
  void output(graph::Ref node, const Location& to);  // as reals; NaN beyond a sample's own lengths
  void deposit(graph::Ref node,
               const Location& to);  // added: over live lanes to an accumulator, per lane to others
  Location keep(graph::Ref node);    // in a dense buffer of its own
  void keep_at(graph::Ref node, const Location& at);  // there, without gaps; others read it from there
  void write();

  // Of Structured, while its node is written: operands become dense buffers, or are stored at a place of
  // choice.
  void store_into(graph::Ref node, const Location& to);
  Value element(graph::Ref node, const Index& at);
  // Where the node's value is; the buffer is none when it is not in memory.
  Location location(graph::Ref node) const;
  // Where the solve's cotangent with respect to its frontier's operand goes, when sums over the batch alone
  // want it.
  const Location* deposit_of(graph::Ref adjoint, int part) const;
  // Whether anything else reads a component of a tuple.
  bool wanted(graph::Ref tuple, int part) const { return wanted_parts_.count({tuple, part}) != 0; }

  // Sample-rate members of the frontier that the body reads, with the argument buffers that carry them.
  const std::vector<std::pair<graph::Ref, BufferId>>& captured() const { return captured_; }

  // ---- indices (indices.cpp)
  Value plus(Value a, Value b);
  Value times(Value a, Value b);
  // Each lane's own extent: a lanes integer where samples differ, otherwise an index.
  Value own(const graph::Extent& e);
  Value flat(const Location& at, const Index& index);
  // Whether the index is within each lane's own extents; none when it always is.
  Value within(const std::vector<graph::Extent>& shape, const Index& at);
  // Loops over a shape; repeats the body instead where that is as short.
  void nest(const std::vector<graph::Extent>& shape, int cost, const std::function<void(const Index&)>& body);
  static bool repeats(const graph::Extent& size, int cost);

 private:
  struct Wish {
    enum class What : uint8_t { store, keep, output, deposit, outer, scatter, place, part } what;
    graph::Ref node;
    Location to;
    bool negative = false;
  };
  struct Use {
    int64_t reads = 0;  // of each element, or more
    int streams = 0;    // taken whole, element by element, to a place known beforehand
  };

  // ---- plan.cpp: what is materialized
  void plan();
  void plan_node(graph::Ref node);
  void plan_contract(graph::Ref node, const Use& use);
  void plan_view(graph::Ref node, int64_t times);
  void plan_structured(graph::Ref node);
  void plan_wish(const Wish& wish);
  void read(graph::Ref node, int64_t times);
  void stream(graph::Ref node) { ++uses_[node].streams; }
  bool materialize(graph::Ref node, const Use& use);
  void want_rows(graph::Ref node, const std::string& labels, const std::string& suffix);
  bool sketch(graph::Ref node, Location& at, graph::Ref& base) const;
  std::vector<graph::Ref> order(const std::vector<graph::Ref>& roots);
  std::vector<graph::Ref> roots(const Wish& wish) const;
  bool leaf(graph::Ref node);
  bool lanes(graph::Ref node) const;
  int cost(graph::Ref node) const;
  std::vector<graph::Ref> operands_of(graph::Ref node) const;  // see fused.hpp
  bool affine(graph::Ref node) const;

  // ---- products.cpp: contracts
  Product matrix_product(graph::Ref node) const;
  Product outer_product(graph::Ref node) const;
  // The contract and the bias of an add that one kernel computes.
  bool biased(graph::Ref node, graph::Ref& contract, graph::Ref& bias) const;
  void store_sums(graph::Ref node, const Location& to);
  void store_matrix(graph::Ref contract, const Product& how, const Location& to, graph::Ref bias);
  // The operand with its labels in the wanted order and the suffix without gaps, for the kernels; a copy
  // unless it lies so already. clear: zero in idle lanes and beyond a sample's own lengths.
  Location arranged(graph::Ref node, const std::string& labels, const std::string& wanted, size_t suffix,
                    bool clear, bool negative);
  Value term(graph::Ref contract, const std::map<char, Value>& at, size_t count);

  // ---- deposits.cpp: sums over lanes, destination first
  void split_deposits();
  void write_deposit(const Wish& wish);
  void deposit_elements(const Wish& wish);
  void deposit_outer(const Wish& wish);
  void deposit_scatter(const Wish& wish);
  void deposit_place(const Wish& wish);

  // ---- stores.cpp: loops
  void store_concat(graph::Ref node, const Location& to);
  void store_reduce(graph::Ref node, const Location& to);
  void store_place(graph::Ref node, const Location& to);
  // Where a place puts the update at an index, clamped, and whether it does.
  std::pair<Index, Value> placed(graph::Ref place, const Index& at);
  void store_scatter(graph::Ref node, const Location& to);
  void store_output(const Wish& wish);
  void store_element(const Location& to, const Index& at, Value value);
  void add_element(const Location& to, const Index& at, Value value, graph::Element element);
  Location scratch(const std::string& name, const graph::Type& type);
  Location scratch(const std::string& name, const std::vector<graph::Extent>& shape) {
    return scratch(name, graph::Type{shape, graph::Element::real});
  }

  // ---- elements.cpp: values at an index
  Value load(const Location& from, const Index& at, graph::Element element);
  Value literal(double x, graph::Element element);
  Value view_element(graph::Ref node, const Index& at);
  Value place_element(graph::Ref node, const Index& at);
  Value reshape_element(graph::Ref node, const Index& at);
  Value gather_element(graph::Ref node, const Index& at);
  Value concat_element(graph::Ref node, const Index& at);
  Value product_element(graph::Ref node, const Index& at);
  Value integer_value(Value index);
  Value index_value(Value integer);
  Value clamp(Value at, const graph::Extent& extent);
  Value inside(Value at, const graph::Extent& extent);
  Value choose(Value ok, Value value, Value otherwise);
  Value invalid(graph::Element element);
  void check_offsets(graph::Ref node);
  void check_indices(graph::Ref node);
  void report(Value bad, Value at, const std::string& place);

  ProgramWriter& writer_;
  Role role_;
  Structured structured_;
  Builder b_;
  std::vector<Wish> wishes_;
  std::unordered_map<graph::Ref, Location> located_;
  std::map<std::pair<graph::Ref, int>, Location> located_parts_;
  std::map<std::tuple<graph::Ref, std::string, bool, bool>, Location> arranged_;
  std::vector<std::pair<graph::Ref, BufferId>> captured_;
  std::unordered_map<graph::Ref, std::vector<std::pair<Value, Value>>>
      offsets_;  // of a view: value, in range

  // Of one `write`.
  std::unordered_map<graph::Ref, Location> planned_;
  std::unordered_map<graph::Ref, Use> uses_;
  std::unordered_map<graph::Ref, int> users_, costs_, depths_;
  std::unordered_set<graph::Ref> forced_;
  std::map<std::pair<graph::Ref, int>, Location> part_deposits_;
  std::set<std::pair<graph::Ref, int>> wanted_parts_;
};

// Whether each element of a place comes from at most one update that its index tells.
bool invertible(graph::Ref place);

}  // namespace nodec::schedule
