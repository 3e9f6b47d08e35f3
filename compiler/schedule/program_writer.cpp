// Leaves and prologue values -> buffers of the program and lines of its interface.
#include "compiler/schedule/program_writer.hpp"

#include <algorithm>

#include "compiler/schedule/tensors.hpp"

namespace nodec::schedule {

using graph::Element;
using graph::Extent;
using graph::Ref;
using NodeKind = graph::Kind;

namespace {
// Sums of so many elements are kept apart by lane until the chunk ends.
constexpr int64_t unreduced_limit = 1024;
}  // namespace

ProgramWriter::ProgramWriter(const Request& request) : request_(request), rates_(request.ragged) {
  program_.lanes = request.lanes;
  program_.double_precision = request.double_precision;
  program_.ragged = request.ragged;
  int64_t offset = 0;
  for (const auto& [path, size] : request.parameters) {
    program_.interface.parameters.push_back({path, offset, size});
    parameter_offsets_[path] = offset;
    offset += size;
  }
  program_.prologue = function("prologue");
  prologue_ = std::make_unique<Tensors>(*this, program_.prologue,
                                        Tensors::Role{.uniform = true, .storage = Storage::uniform});
}

ProgramWriter::~ProgramWriter() = default;

FunctionId ProgramWriter::function(const std::string& name) {
  std::string unique = name;
  const auto taken = [&] {
    return std::any_of(program_.functions.begin(), program_.functions.end(),
                       [&](const Function& f) { return f.name == unique; });
  };
  for (int n = 2; taken(); ++n) unique = name + "." + std::to_string(n);
  program_.functions.push_back({.name = unique, .arguments = {}, .types = {}, .body = {}});
  return static_cast<FunctionId>(program_.functions.size()) - 1;
}

BufferId ProgramWriter::buffer(Buffer description) {
  return prologue_->builder().buffer(std::move(description));
}

Location ProgramWriter::leaf(Ref node) {
  if (const auto found = leaves_.find(node); found != leaves_.end()) return found->second;
  Interface& interface = program_.interface;
  const Extent size = node->type.size();
  Buffer b{.size = size};
  switch (node->kind) {
    case NodeKind::constant: {
      const std::vector<double>& values = node->as<graph::Constant>().values;
      if (values.size() == 1) return {};
      b.name = "constant";
      b.storage = Storage::table;
      b.values = values;
      b.kind = node->type.element == Element::integer ? Kind::integer : Kind::real;
      break;
    }
    case NodeKind::parameter: {
      const std::string& path = node->as<graph::Leaf>().name;
      const auto offset = parameter_offsets_.find(path);
      if (offset == parameter_offsets_.end()) refuse("parameter '" + path + "' is not among those requested");
      b.name = path;
      b.storage = Storage::parameter;
      b.offset = offset == parameter_offsets_.end() ? 0 : offset->second;
      break;
    }
    case NodeKind::data: {
      const graph::Leaf& data = node->as<graph::Leaf>();
      b.name = data.name;
      b.storage = Storage::data;
      b.lanes = !data.shared;
      b.slot = static_cast<int>(interface.data.size());
      interface.data.push_back({data.name, node->type.shape, data.shared});
      break;
    }
    case NodeKind::random: {
      const graph::Random& random = node->as<graph::Random>();
      b.name = "noise" + std::to_string(random.stream);
      b.storage = Storage::noise;
      b.lanes = true;
      b.slot = static_cast<int>(interface.noise.size());
      interface.noise.push_back({random.stream, random.distribution, size});
      break;
    }
    case NodeKind::setting: {
      b.name = node->as<graph::Leaf>().name;
      b.storage = Storage::setting;
      b.offset = static_cast<int64_t>(interface.settings.size());
      interface.settings.push_back(b.name);
      break;
    }
    default:
      return {};
  }
  return leaves_[node] = Location{buffer(std::move(b)), 0, row_major(node->type.shape)};
}

Location ProgramWriter::hoist(Ref node) {
  if (const auto found = hoisted_.find(node); found != hoisted_.end()) return found->second;
  const Location at = prologue_->keep(node);
  prologue_->write();
  return hoisted_[node] = at;
}

BufferId ProgramWriter::pack(Ref matrix, int64_t rows, int64_t columns, bool transposed) {
  Location at = leaf(matrix);
  if (at.buffer == none) at = hoist(matrix);
  const auto key = std::make_tuple(at.buffer, at.offset, rows, columns, transposed);
  if (const auto found = packs_.find(key); found != packs_.end()) return found->second;
  Builder& b = prologue_->builder();
  const BufferId packed = buffer({.name = program_.buffers[at.buffer].name + ".packed",
                                  .storage = Storage::uniform,
                                  .size = (rows + 3) / 4 * 4 * columns});
  b.pack(packed, at.buffer, b.extent(at.offset), rows, columns, transposed);
  return packs_[key] = packed;
}

Location ProgramWriter::accumulator(Ref batch_sum) {
  if (const auto found = accumulators_.find(batch_sum); found != accumulators_.end()) return found->second;
  const Extent size = batch_sum->type.size();
  const BufferId id = buffer({.name = "sum" + std::to_string(accumulators_.size()),
                              .storage = Storage::accumulator,
                              .size = size,
                              .unreduced = size.is_constant() && size.value() <= unreduced_limit});
  return accumulators_[batch_sum] = Location{id, 0, row_major(batch_sum->type.shape)};
}

int ProgramWriter::place(const std::string& text) {
  std::vector<std::string>& places = program_.interface.places;
  const auto found = std::find(places.begin(), places.end(), text);
  if (found != places.end()) return static_cast<int>(found - places.begin());
  places.push_back(text);
  return static_cast<int>(places.size()) - 1;
}

}  // namespace nodec::schedule
