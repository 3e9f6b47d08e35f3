// Which loops can run several elements at a time (see widening.hpp).
#include "compiler/codegen/widening.hpp"

#include <algorithm>
#include <functional>

namespace nodec::codegen {

using namespace schedule;

namespace {

// Σ coefficient·value + constant: what two indices have in common tells whether they can meet.
struct Linear {
  std::map<Value, int64_t> terms;
  int64_t constant = 0;

  void add(const Linear& other, int64_t factor) {
    for (const auto& [value, coefficient] : other.terms) {
      int64_t& sum = terms[value];
      sum += factor * coefficient;
      if (sum == 0) terms.erase(value);
    }
    constant += factor * other.constant;
  }
};

enum class Way : uint8_t { same, counted, apart };  // for all iterations, growing evenly, any

class Analysis {
 public:
  Analysis(const Program& program, const Definitions& definitions, const std::vector<BufferId>& carried,
           const Instruction& loop)
      : program_(program), definitions_(definitions), carried_(carried), loop_(loop) {}

  std::optional<Widening> run() {
    ways_[loop_.result] = Way::counted;
    found_.slopes[loop_.result] = 1;
    for (const Instruction& i : loop_.regions[0]) {
      if (!instruction(i)) return std::nullopt;
    }
    if (!sums() || !independent()) return std::nullopt;
    return found_;
  }

 private:
  struct Access {
    BufferId buffer;
    Value index;
    bool stores;
  };

  Linear linear(Value v) const {
    const Linear itself{{{v, 1}}, 0};
    const Instruction* definition = definitions_[static_cast<size_t>(v)];
    if (!definition) return itself;
    const Instruction& i = *definition;
    switch (i.opcode) {
      case Opcode::constant_index:
      case Opcode::constant_integer:
        return {{}, i.integer_value};
      case Opcode::splat:
      case Opcode::integer_of:
        return linear(i.operands[0]);
      case Opcode::integer_add:
      case Opcode::integer_sub: {
        Linear sum = linear(i.operands[0]);
        sum.add(linear(i.operands[1]), i.opcode == Opcode::integer_add ? 1 : -1);
        return sum;
      }
      case Opcode::integer_mul: {
        const Linear a = linear(i.operands[0]), b = linear(i.operands[1]);
        if (!a.terms.empty() && !b.terms.empty()) return itself;
        Linear product;
        product.add(a.terms.empty() ? b : a, a.terms.empty() ? a.constant : b.constant);
        return product;
      }
      default:
        return itself;
    }
  }

  Way way(Value v) const {
    const auto found = ways_.find(v);
    return found == ways_.end() ? Way::same : found->second;
  }
  int64_t slope(Value v) const {
    const auto found = found_.slopes.find(v);
    return found == found_.slopes.end() ? 0 : found->second;
  }
  void set(Value v, Way way, int64_t slope = 0) {
    ways_[v] = way;
    if (way == Way::counted && slope == 0) ways_[v] = Way::same;
    if (way == Way::counted && slope != 0) found_.slopes[v] = slope;
  }

  bool instruction(const Instruction& i) {
    Way widest = Way::same;
    for (const Value v : i.operands) widest = std::max(widest, way(v));
    if (!i.regions.empty() || !i.arguments.empty()) return false;
    switch (i.opcode) {
      case Opcode::load:
        accesses_.push_back({i.buffer, i.operands[0], false});
        set(i.result, widest == Way::same ? Way::same : Way::apart);
        return true;
      case Opcode::store:
      case Opcode::store_masked:
        accesses_.push_back({i.buffer, i.operands[0], true});
        return carries(i.buffer) || slope(i.operands[0]) == 1;
      case Opcode::accumulate:
        accesses_.push_back({i.buffer, i.operands[0], true});
        return slope(i.operands[0]) == 1;
      case Opcode::integer_add:
      case Opcode::integer_sub: {
        const int64_t sign = i.opcode == Opcode::integer_add ? 1 : -1;
        set(i.result, widest, slope(i.operands[0]) + sign * slope(i.operands[1]));
        return true;
      }
      case Opcode::integer_mul:
        for (const int k : {0, 1}) {
          const Linear factor = linear(i.operands[static_cast<size_t>(k)]);
          if (widest == Way::counted && factor.terms.empty()) {
            set(i.result, widest, factor.constant * slope(i.operands[static_cast<size_t>(1 - k)]));
            return true;
          }
        }
        break;
      case Opcode::splat:
      case Opcode::integer_of:
        set(i.result, widest, slope(i.operands[0]));
        return true;
      case Opcode::any:
      case Opcode::largest:
      case Opcode::integer_divide:
      case Opcode::integer_modulo:
        if (widest != Way::same) return false;
        break;
      case Opcode::lane_sum:
        set(i.result, widest == Way::same ? Way::same : Way::apart);
        return true;
      default:
        if (i.result == none) return false;
        break;
    }
    set(i.result, widest == Way::same ? Way::same : Way::apart);
    return i.buffer == none;
  }

  bool carries(BufferId id) const {
    return std::find(carried_.begin(), carried_.end(), id) != carried_.end();
  }

  int uses(Value v) const {
    int count = 0;
    for (const Instruction& i : loop_.regions[0])
      count += static_cast<int>(std::count(i.operands.begin(), i.operands.end(), v));
    return count;
  }

  // Whether the value is `before` plus something, and how often it reads it for that.
  bool adds(Value v, Value before, int& reads) const {
    const Instruction* definition = definitions_[static_cast<size_t>(v)];
    if (!definition) return false;
    const std::vector<Value>& x = definition->operands;
    switch (definition->opcode) {
      case Opcode::add:
        reads += 1;
        return (x[0] == before) != (x[1] == before);
      case Opcode::fma:
        reads += 1;
        return x[2] == before && x[0] != before && x[1] != before;
      case Opcode::select:
        reads += 1;
        return x[2] == before && x[0] != before && uses(x[1]) == 1 && adds(x[1], before, reads);
      default:
        return false;
    }
  }

  bool sums() {
    for (const BufferId id : carried_) {
      const Instruction *load = nullptr, *store = nullptr;
      for (const Instruction& i : loop_.regions[0]) {
        if (i.buffer != id) continue;
        const Instruction*& known = i.opcode == Opcode::load ? load : store;
        if (known || i.opcode == Opcode::store_masked) return false;
        known = &i;
      }
      if (!load || !store || program_.buffers[static_cast<size_t>(id)].kind != Kind::real) return false;
      const Value before = load->result, after = store->operands[1];
      int reads = 0;
      if (!adds(after, before, reads) || reads != uses(before) || uses(after) != 1) return false;
      found_.sums.push_back({id, before, after});
    }
    return true;
  }

  // The number of iterations, 0 where it is not known.
  int64_t count() const {
    Linear n = linear(loop_.operands[1]);
    n.add(linear(loop_.operands[0]), -1);
    return n.terms.empty() ? std::max<int64_t>(n.constant, 1) : 0;
  }

  // Whether one iteration's element at `a` can be another iteration's at `b`.
  bool meet(Value a, Value b) const {
    Linear distance = linear(b);
    distance.add(linear(a), -1);
    const int64_t by = slope(a), n = count();
    if (way(a) == Way::apart || way(b) == Way::apart) return true;
    if (by != slope(b) || by == 0 || !distance.terms.empty()) return true;
    if (distance.constant == 0 || distance.constant % by != 0) return false;
    return n == 0 || std::abs(distance.constant / by) < n;
  }

  // Buffers differ in memory but for entries of one tape.
  bool same_memory(BufferId a, BufferId b) const {
    const Buffer &x = program_.buffers[static_cast<size_t>(a)], &y = program_.buffers[static_cast<size_t>(b)];
    return a == b || (x.storage == Storage::tape && y.storage == Storage::tape && x.slot == y.slot);
  }

  bool independent() const {
    for (const Access& a : accesses_) {
      if (!a.stores || carries(a.buffer)) continue;
      for (const Access& b : accesses_) {
        if (&a != &b && same_memory(a.buffer, b.buffer) && meet(a.index, b.index)) return false;
      }
    }
    return true;
  }

  const Program& program_;
  const Definitions& definitions_;
  const std::vector<BufferId>& carried_;
  const Instruction& loop_;
  std::map<Value, Way> ways_;
  std::vector<Access> accesses_;
  Widening found_;
};

}  // namespace

Definitions definitions_of(const Function& function) {
  Definitions definitions(function.types.size());
  const std::function<void(const Region&)> visit = [&](const Region& region) {
    for (const Instruction& i : region) {
      if (i.result != none) definitions[static_cast<size_t>(i.result)] = &i;
      for (const Region& inner : i.regions) visit(inner);
    }
  };
  visit(function.body);
  return definitions;
}

std::optional<Widening> widen(const Program& program, const Definitions& definitions,
                              const std::vector<BufferId>& carried, const Instruction& loop) {
  return Analysis(program, definitions, carried, loop).run();
}

}  // namespace nodec::codegen
