// Cuts the function of a tile at loops (see parts.hpp).
#include "compiler/codegen/parts.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>

namespace nodec::codegen {

using namespace schedule;
using runtime::PartKind;

namespace {

void visit(const Region& region, const std::function<void(const Instruction&)>& f) {
  for (const Instruction& i : region) {
    f(i);
    for (const Region& inner : i.regions) visit(inner, f);
  }
}
void visit(const Instruction& i, const std::function<void(const Instruction&)>& f) {
  f(i);
  for (const Region& inner : i.regions) visit(inner, f);
}

std::vector<BufferId> buffers_of(const Instruction& i) {
  std::vector<BufferId> ids;
  for (const BufferId id : {i.buffer, i.source, i.third, i.fourth})
    if (id != none) ids.push_back(id);
  for (const CallArgument& argument : i.arguments) ids.push_back(argument.buffer);
  return ids;
}

std::vector<Value> values_of(const Instruction& i) {
  std::vector<Value> values = i.operands;
  if (i.condition != none) values.push_back(i.condition);
  for (const CallArgument& argument : i.arguments) values.push_back(argument.offset);
  return values;
}

// Its value follows from its operands alone.
bool pure(Opcode opcode) { return opcode < Opcode::load; }

bool votes(Opcode opcode) {
  return opcode == Opcode::any || opcode == Opcode::largest || opcode == Opcode::lane_sum;
}

class Cutter {
 public:
  Cutter(const Program& program, const std::set<BufferId>& gathered)
      : program_(program), function_(program.functions[program.pool]), gathered_(gathered), rows_(program) {}

  Cut run() {
    note_values();
    choose();
    divide();
    share_memory();
    share_values();
    for (Part& part : cut_.parts) {
      if (part.kind != PartKind::straight) find_belongings(part);
    }
    return std::move(cut_);
  }

 private:
  const Instruction& at(size_t n) const { return function_.body[n]; }
  std::span<const Instruction> code(size_t first, size_t end) const {
    return std::span(function_.body).subspan(first, end - first);
  }
  bool owned(BufferId id) const {
    return program_.buffers[id].storage == Storage::frame || gathered_.contains(id);
  }

  // ---- values

  // Those of the body itself: where they come from, whether they can be computed anew in another part, and
  // whether the lanes at hand have a vote in them.
  void note_values() {
    for (size_t n = 0; n < function_.body.size(); ++n) {
      const Instruction& i = at(n);
      if (i.result == none || numbers_region(i)) continue;
      places_[i.result] = n;
      const auto all = [&](const std::set<Value>& set) {
        return std::all_of(i.operands.begin(), i.operands.end(), [&](Value v) { return set.contains(v); });
      };
      const bool constant = i.opcode == Opcode::load && constant_memory(i.buffer);
      if ((constant || (pure(i.opcode) && !votes(i.opcode) && i.opcode != Opcode::sample_length)) &&
          all(remakable_) && !(constant && function_.types[i.operands[0]].lanes))
        remakable_.insert(i.result);
      const bool voted =
          std::any_of(i.operands.begin(), i.operands.end(), [&](Value v) { return voted_.contains(v); });
      const bool memory = i.opcode == Opcode::load && !constant_memory(i.buffer);
      if (!function_.types[i.result].lanes && (voted || votes(i.opcode) || memory)) voted_.insert(i.result);
    }
  }

  bool constant_memory(BufferId id) const {
    const Buffer& b = program_.buffers[id];
    switch (b.storage) {
      case Storage::uniform:
      case Storage::parameter:
      case Storage::setting:
      case Storage::table:
        return true;
      case Storage::data:
        return !b.lanes;
      default:
        return false;
    }
  }

  // ---- which loops

  bool names_lanes() const {
    bool found = false;
    for (const Function& function : program_.functions)
      visit(function.body, [&](const Instruction& i) { found |= i.opcode == Opcode::lane; });
    return found;
  }

  bool reserves(FunctionId function) const {
    bool found = false;
    visit(program_.functions[function].body, [&](const Instruction& i) {
      found |= i.opcode == Opcode::reserve || (i.opcode == Opcode::call && reserves(i.callee));
    });
    return found;
  }

  // The tape that a loop records on; nothing where it may not be run by passes. A cache besides is the tile's
  // own: its entries are named by those of the tape, and what has no entry yet is no later pass's.
  std::optional<BufferId> recorded_by(const Instruction& loop) const {
    std::set<BufferId> tapes;
    bool fit = true;
    visit(loop, [&](const Instruction& i) {
      if (i.opcode == Opcode::reserve && !program_.buffers[i.buffer].cache) tapes.insert(i.buffer);
      if (i.opcode == Opcode::call && reserves(i.callee)) fit = false;
    });
    if (!fit || tapes.size() > 1) return std::nullopt;
    return tapes.empty() ? none : *tapes.begin();
  }

  // Nothing of the loop may belong to the lanes of a tile together.
  bool separable(size_t n) {
    const auto& types = function_.types;
    bool fit = true;
    visit(at(n), [&](const Instruction& i) {
      for (const Value v : values_of(i)) fit &= types[v].lanes || !places_.contains(v) || !voted_.contains(v);
    });
    if (!fit) return false;
    for (const auto& [id, rows] : belongings_of(n)) {
      if (!program_.buffers[id].lanes && !rows.empty()) return false;
    }
    return true;
  }

  void choose() {
    if (program_.lanes < 2 || program_.lanes > 64 || names_lanes()) return;
    std::map<BufferId, std::vector<size_t>> recorders;
    for (size_t n = 0; n < function_.body.size(); ++n) {
      const Instruction& i = at(n);
      if (i.opcode != Opcode::iterate || i.integer_value == 0) continue;
      const std::optional<BufferId> tape = recorded_by(i);
      if (!tape || !separable(n)) continue;
      if (*tape == none) {
        loops_[n] = none;
      } else {
        recorders[*tape].push_back(n);
      }
    }
    for (const auto& [tape, loops] : recorders) {
      if (loops.size() == 1) choose_recorded(tape, loops[0]);
    }
  }

  // A tape written by passes must be read by passes, and by nothing else.
  void choose_recorded(BufferId tape, size_t recorder) {
    std::vector<size_t> unwinding;
    for (size_t n = 0; n < function_.body.size(); ++n) {
      const Instruction& i = at(n);
      if (n == recorder || i.opcode == Opcode::set_tape_count) continue;
      bool used = false;
      visit(i, [&](const Instruction& inner) {
        const std::vector<BufferId> ids = buffers_of(inner);
        used |= std::find(ids.begin(), ids.end(), tape) != ids.end();
      });
      if (!used) continue;
      const std::optional<BufferId> records = recorded_by(i);
      if (n < recorder || i.opcode != Opcode::unwind || i.buffer != tape || records != none || !separable(n))
        return;
      unwinding.push_back(n);
    }
    loops_[recorder] = tape;
    for (const size_t n : unwinding) loops_[n] = tape;
  }

  // ---- parts

  void divide() {
    size_t first = 0;
    const auto straight = [&](size_t end) {
      Part part;
      part.first = first;
      part.end = end;
      cut_.parts.push_back(part);
    };
    for (const auto& [n, tape] : loops_) {
      straight(n);
      Part part;
      part.kind = at(n).opcode == Opcode::iterate ? PartKind::sweep : PartKind::unwind;
      part.first = n;
      part.end = first = n + 1;
      part.tape = tape;
      if (part.kind == PartKind::sweep) {
        visit(at(n), [&](const Instruction& i) {
          if (i.opcode == Opcode::tape_room) part.cache = i.buffer;
        });
      }
      part.work = work(function_, at(n).regions.back());
      cut_.parts.push_back(part);
    }
    straight(function_.body.size());
  }

  // Operations on rows, about: loops whose turns are not known take a few.
  int64_t work(const Function& function, const Region& region) {
    std::map<Value, int64_t> constants;
    visit(function.body, [&](const Instruction& i) {
      if (i.opcode == Opcode::constant_index) constants[i.result] = i.integer_value;
    });
    const std::function<int64_t(const Region&)> sum = [&](const Region& inside) {
      int64_t operations = 0;
      for (const Instruction& i : inside) {
        constexpr int64_t few = 8;
        int64_t turns = 1;
        if (i.opcode == Opcode::contract || i.opcode == Opcode::outer) {
          operations += i.rows * i.columns;
        } else if (i.opcode == Opcode::call) {
          const Function& callee = program_.functions[i.callee];
          operations += work(callee, callee.body);
        } else if (i.opcode == Opcode::for_loop) {
          const auto first = constants.find(i.operands[0]), end = constants.find(i.operands[1]);
          turns = first != constants.end() && end != constants.end() ? end->second - first->second : few;
        } else {
          operations += 1;
        }
        for (const Region& inner : i.regions) operations += turns * sum(inner);
      }
      return operations;
    };
    return sum(region);
  }

  // The code of a part and the condition that it evaluates for the loop behind it.
  void visit_part(size_t number, const std::function<void(const Instruction&)>& f) const {
    const Part& part = cut_.parts[number];
    for (size_t n = part.first; n < part.end; ++n) visit(at(n), f);
    if (number + 1 < cut_.parts.size() && cut_.parts[number + 1].kind == PartKind::sweep)
      visit(at(cut_.parts[number + 1].first).regions[0], f);
  }

  void share_memory() {
    std::map<BufferId, std::set<size_t>> users;
    std::vector<BufferId> order;
    for (size_t p = 0; p < cut_.parts.size(); ++p) {
      visit_part(p, [&](const Instruction& i) {
        for (const BufferId id : buffers_of(i)) {
          if (!owned(id)) continue;
          if (!users.contains(id)) order.push_back(id);
          users[id].insert(p);
        }
      });
    }
    std::map<size_t, Touches> loops;
    for (const BufferId id : order) {
      const size_t p = *users[id].begin();
      Part& part = cut_.parts[p];
      bool local = users[id].size() == 1;
      if (local && part.kind != PartKind::straight) {
        if (!loops.contains(p)) loops[p] = rows_.touches(program_.pool, code(part.first, part.end));
        local = !gathered_.contains(id) && loops[p][id].read.empty();
      }
      (local ? part.local : cut_.kept).push_back(id);
    }
  }

  void share_values() {
    std::set<Value> saved;
    for (size_t p = 0; p < cut_.parts.size(); ++p) {
      Part& part = cut_.parts[p];
      std::set<Value> remade, loaded;
      const std::function<void(Value)> need = [&](Value v) {
        const auto place = places_.find(v);
        if (place == places_.end() || (place->second >= part.first && place->second < part.end)) return;
        if (!remakable_.contains(v)) {
          loaded.insert(v);
          saved.insert(v);
        } else if (remade.insert(v).second) {
          for (const Value operand : at(place->second).operands) need(operand);
        }
      };
      visit_part(p, [&](const Instruction& i) {
        for (const Value v : values_of(i)) need(v);
      });
      // Values are numbered in the order in which they are computed.
      part.remade.assign(remade.begin(), remade.end());
      part.loaded.assign(loaded.begin(), loaded.end());
    }
    cut_.saved.assign(saved.begin(), saved.end());
    for (Part& part : cut_.parts) {
      for (const Value v : cut_.saved)
        if (places_.at(v) >= part.first && places_.at(v) < part.end) part.saved.push_back(v);
    }
  }

  // ---- what belongs to a lane

  // Rows that a pass finds as an earlier one left them, or leaves for the code behind the loop.
  std::map<BufferId, RowSet> belongings_of(size_t n) {
    std::map<BufferId, RowSet> found;
    Touches behind = rows_.touches(program_.pool, code(n + 1, function_.body.size()));
    for (const auto& [id, touched] : rows_.touches(program_.pool, code(n, n + 1))) {
      if (!owned(id)) continue;
      RowSet rows = touched.read;
      rows.add(touched.written.within(behind[id].read));
      const graph::Extent& size = program_.buffers[id].size;
      if (size.is_constant()) {
        RowSet whole;
        whole.add({0, size.value()});
        rows = rows.within(whole);
      }
      if (!rows.empty()) found[id] = rows;
    }
    return found;
  }

  void find_belongings(Part& part) {
    for (const auto& [id, rows] : belongings_of(part.first))
      part.belongings.push_back({.buffer = id, .rows = rows});
    for (const Value v : part.loaded)
      if (function_.types[v].lanes) part.belongings.push_back({.value = v});
  }

  const Program& program_;
  const Function& function_;
  const std::set<BufferId>& gathered_;
  RowReader rows_;
  std::map<Value, size_t> places_;  // of the body's own values: the instruction
  std::set<Value> remakable_, voted_;
  std::map<size_t, BufferId> loops_;  // chosen: instruction, tape
  Cut cut_;
};

}  // namespace

Cut cut_pool(const Program& program, const std::set<BufferId>& gathered) {
  return Cutter(program, gathered).run();
}

}  // namespace nodec::codegen
