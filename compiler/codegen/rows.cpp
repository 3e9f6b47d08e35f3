// Follows rows through structured code (see rows.hpp).
#include "compiler/codegen/rows.hpp"

#include <algorithm>
#include <limits>

namespace nodec::codegen {

using namespace schedule;

// ---- sets of rows

RowSet RowSet::all() {
  RowSet set;
  set.add({0, std::numeric_limits<int64_t>::max()});
  return set;
}

bool RowSet::covers(Range range) const {
  return range.first >= range.end || std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& r) {
           return r.first <= range.first && range.end <= r.end;
         });
}

void RowSet::add(Range range) {
  if (range.first >= range.end) return;
  std::vector<Range> merged;
  for (const Range& r : ranges_) {
    if (r.end < range.first || range.end < r.first) {
      merged.push_back(r);
    } else {
      range = {std::min(range.first, r.first), std::max(range.end, r.end)};
    }
  }
  merged.insert(
      std::find_if(merged.begin(), merged.end(), [&](const Range& r) { return r.first > range.end; }), range);
  ranges_ = std::move(merged);
}

void RowSet::add(const RowSet& other) {
  for (const Range& range : other.ranges_) add(range);
}

RowSet RowSet::without(const RowSet& other) const {
  RowSet left;
  for (Range range : ranges_) {
    for (const Range& taken : other.ranges_) {
      left.add({range.first, std::min(range.end, taken.first)});
      range.first = std::max(range.first, std::min(taken.end, range.end));
    }
    left.add(range);
  }
  return left;
}

RowSet RowSet::within(const RowSet& other) const {
  RowSet common;
  for (const Range& a : ranges_) {
    for (const Range& b : other.ranges_) common.add({std::max(a.first, b.first), std::min(a.end, b.end)});
  }
  return common;
}

// ---- indices

const RowReader::Indices& RowReader::indices(FunctionId function) {
  const auto [known, added] = indices_.try_emplace(function);
  if (added) find_places(program_.functions[function].body, known->second);
  return known->second;
}

void RowReader::find_places(const Region& region, Indices& found) const {
  const auto known = [&](Value v) -> const Place* {
    const auto at = found.places.find(v);
    return at == found.places.end() ? nullptr : &at->second;
  };
  const auto sum = [](const Place& a, const Place& b, int64_t factor) {
    Place result = a;
    result.constant += factor * b.constant;
    for (const auto& [loop, n] : b.terms) {
      if ((result.terms[loop] += factor * n) == 0) result.terms.erase(loop);
    }
    return result;
  };
  for (const Instruction& i : region) {
    const Place* a = i.operands.size() > 0 ? known(i.operands[0]) : nullptr;
    const Place* b = i.operands.size() > 1 ? known(i.operands[1]) : nullptr;
    switch (i.opcode) {
      case Opcode::constant_index:
        found.places[i.result] = {i.integer_value, {}};
        break;
      case Opcode::integer_add:
        if (a && b) found.places[i.result] = sum(*a, *b, 1);
        break;
      case Opcode::integer_sub:
        if (a && b) found.places[i.result] = sum(*a, *b, -1);
        break;
      case Opcode::integer_mul:
        if (a && b && (a->terms.empty() || b->terms.empty())) {
          const int64_t factor = a->terms.empty() ? a->constant : b->constant;
          found.places[i.result] = sum({}, a->terms.empty() ? *b : *a, factor);
        }
        break;
      case Opcode::for_loop:
        if (a && b && a->terms.empty() && b->terms.empty()) {
          found.loops[i.result] = {a->constant, b->constant};
          found.places[i.result] = {0, {{i.result, 1}}};
        }
        break;
      default:
        break;
    }
    for (const Region& inner : i.regions) find_places(inner, found);
  }
}

std::optional<RowReader::Place> RowReader::place(const Walk& walk, Value index) const {
  if (walk.function.types[index].lanes) return std::nullopt;
  const auto at = walk.indices.places.find(index);
  if (at == walk.indices.places.end()) return std::nullopt;
  return at->second;
}

std::optional<int64_t> RowReader::constant(const Walk& walk, Value index) const {
  const std::optional<Place> at = place(walk, index);
  return at && at->terms.empty() ? std::optional(at->constant) : std::nullopt;
}

std::optional<RowSet::Range> RowReader::range(const Walk& walk, const std::optional<Place>& place,
                                              std::optional<int64_t> rows) const {
  if (!place || !rows) return std::nullopt;
  RowSet::Range range{place->constant, place->constant + *rows};
  for (const auto& [loop, factor] : place->terms) {
    const RowSet::Range& turns = walk.indices.loops.at(loop);
    if (turns.first >= turns.end) return RowSet::Range{0, 0};
    const auto [low, high] = std::minmax({factor * turns.first, factor * (turns.end - 1)});
    range.first += low;
    range.end += high;
  }
  return range;
}

// ---- reads and writes

bool RowReader::followed(BufferId id) const {
  if (id == none) return false;
  switch (program_.buffers[id].storage) {
    case Storage::frame:
    case Storage::argument:
      return true;
    case Storage::data:
    case Storage::noise:
      return program_.buffers[id].lanes;
    default:
      return false;
  }
}

void RowReader::read(Walk& walk, const Known& known, BufferId id, const std::optional<Place>& place,
                     std::optional<int64_t> rows) const {
  if (!followed(id)) return;
  if (place && rows) {
    for (const Partial& p : known.partial) {
      if (p.buffer == id && p.place.terms == place->terms && p.place.constant <= place->constant &&
          place->constant + *rows <= p.place.constant + p.rows)
        return;
    }
  }
  RowSet read;
  const std::optional<RowSet::Range> reached = range(walk, place, rows);
  if (reached) {
    read.add(*reached);
  } else {
    read = RowSet::all();
  }
  const auto replaced = known.replaced.find(id);
  walk.touches[id].read.add(replaced == known.replaced.end() ? read : read.without(replaced->second));
}

void RowReader::write(Walk& walk, Known& known, BufferId id, const std::optional<Place>& place,
                      std::optional<int64_t> rows, bool whole) const {
  if (!followed(id)) return;
  const std::optional<RowSet::Range> reached = range(walk, place, rows);
  if (!reached) {
    walk.touches[id].written.add(RowSet::all());
    return;
  }
  walk.touches[id].written.add(*reached);
  if (!whole) return;
  if (place->terms.empty()) {
    known.replaced[id].add(*reached);
  } else {
    known.partial.push_back({id, *place, *rows});
  }
}

// ---- code

Touches RowReader::touches(FunctionId function, std::span<const Instruction> instructions) {
  Walk walk{program_.functions[function], indices(function), {}};
  Known known;
  region(walk, instructions, known);
  for (const auto& [id, rows] : known.replaced) walk.touches[id].replaced = rows;
  return std::move(walk.touches);
}

const Touches& RowReader::summary(FunctionId function) {
  const auto known = summaries_.find(function);
  if (known != summaries_.end()) return known->second;
  Touches found = touches(function, program_.functions[function].body);
  return summaries_[function] = std::move(found);
}

void RowReader::region(Walk& walk, std::span<const Instruction> instructions, Known& known) {
  for (const Instruction& i : instructions) instruction(walk, i, known);
}

void RowReader::instruction(Walk& walk, const Instruction& i, Known& known) {
  const std::vector<Value>& x = i.operands;
  switch (i.opcode) {
    case Opcode::load:
      return read(walk, known, i.buffer, place(walk, x[0]), 1);
    case Opcode::store:
      return write(walk, known, i.buffer, place(walk, x[0]), 1, true);
    case Opcode::store_masked:
      return write(walk, known, i.buffer, place(walk, x[0]), 1, false);
    case Opcode::accumulate:
      read(walk, known, i.buffer, place(walk, x[0]), 1);
      return write(walk, known, i.buffer, place(walk, x[0]), 1, false);
    case Opcode::fill:
      return write(walk, known, i.buffer, place(walk, x[0]), constant(walk, x[1]), true);
    case Opcode::copy:
      read(walk, known, i.source, place(walk, x[1]), constant(walk, x[2]));
      return write(walk, known, i.buffer, place(walk, x[0]), constant(walk, x[2]), true);
    case Opcode::contract:
      read(walk, known, i.source, std::nullopt, std::nullopt);
      read(walk, known, i.third, place(walk, x[1]), i.columns);
      read(walk, known, i.fourth, std::nullopt, std::nullopt);
      return write(walk, known, i.buffer, place(walk, x[0]), i.rows, true);
    case Opcode::outer:
      read(walk, known, i.source, place(walk, x[1]), i.rows);
      return read(walk, known, i.third, place(walk, x[2]), i.columns);
    case Opcode::for_loop:
      return loop(walk, i, known);
    case Opcode::while_loop:
    case Opcode::iterate: {
      region(walk, i.regions[0], known);
      Known inside = known;
      return region(walk, i.regions[1], inside);
    }
    case Opcode::unwind:
    case Opcode::if_then:
      for (const Region& inner : i.regions) {
        Known inside = known;
        region(walk, inner, inside);
      }
      return;
    case Opcode::call:
      return call(walk, i, known);
    default:
      for (const BufferId id : {i.buffer, i.source, i.third, i.fourth}) {
        read(walk, known, id, std::nullopt, std::nullopt);
        write(walk, known, id, std::nullopt, std::nullopt, false);
      }
  }
}

// What one iteration of a loop replaces, all of them do together: whole where its parts join.
void RowReader::loop(Walk& walk, const Instruction& i, Known& known) {
  const auto turns = walk.indices.loops.find(i.result);
  Known inside = known;
  region(walk, i.regions[0], inside);
  if (turns == walk.indices.loops.end() || turns->second.first >= turns->second.end) return;
  const auto [first, end] = turns->second;
  const size_t before = known.partial.size();
  known.replaced = std::move(inside.replaced);
  for (size_t n = before; n < inside.partial.size(); ++n) {
    Partial& p = inside.partial[n];
    const auto term = p.place.terms.find(i.result);
    if (term != p.place.terms.end()) {
      const int64_t factor = term->second;
      if (factor < 0 || factor > p.rows) continue;
      p.place.constant += factor * first;
      p.rows += factor * (end - 1 - first);
      p.place.terms.erase(term);
    }
    if (p.place.terms.empty()) {
      known.replaced[p.buffer].add({p.place.constant, p.place.constant + p.rows});
    } else {
      known.partial.push_back(std::move(p));
    }
  }
}

// The callee's arguments may be parts of one buffer: all that it reads counts before all that it writes.
void RowReader::call(Walk& walk, const Instruction& i, Known& known) {
  const Function& callee = program_.functions[i.callee];
  const Touches& inside = summary(i.callee);
  const auto each = [&](const RowSet Touched::*rows, const auto& use) {
    for (size_t n = 0; n < i.arguments.size(); ++n) {
      const auto touched = inside.find(callee.arguments[n]);
      if (touched == inside.end()) continue;
      const std::optional<Place> offset = place(walk, i.arguments[n].offset);
      for (const RowSet::Range& range : (touched->second.*rows).ranges()) {
        std::optional<Place> first = offset;
        if (first) first->constant += range.first;
        const bool bounded = range.end != std::numeric_limits<int64_t>::max();
        use(i.arguments[n].buffer, first,
            bounded ? std::optional<int64_t>(range.end - range.first) : std::nullopt);
      }
    }
  };
  each(&Touched::read,
       [&](BufferId id, const auto& first, auto rows) { read(walk, known, id, first, rows); });
  each(&Touched::written,
       [&](BufferId id, const auto& first, auto rows) { write(walk, known, id, first, rows, false); });
  each(&Touched::replaced,
       [&](BufferId id, const auto& first, auto rows) { write(walk, known, id, first, rows, true); });
}

}  // namespace nodec::codegen
