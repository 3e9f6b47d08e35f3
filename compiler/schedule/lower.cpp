// Graph -> tile program: results are sorted by rate, then written function by function.
#include "compiler/schedule/lower.hpp"

#include "compiler/schedule/program_writer.hpp"
#include "compiler/schedule/solves.hpp"
#include "compiler/schedule/tensors.hpp"

namespace nodec::schedule {

using graph::Extent;
using graph::Ref;
using NodeKind = graph::Kind;

Program lower(const Request& request, SolveLowering& solvers, std::string* refusal) {
  std::vector<Ref> values;
  for (const graph::Output& result : request.results) values.push_back(result.value);
  ProgramWriter writer(request);
  Rates& rates = writer.rates();
  rates.classify(values);
  if (rates.cyclic()) {
    if (refusal) *refusal = "a value of one sample depends on a sum over the batch";
    return {};
  }

  std::vector<Ref> sums;
  Adjoints adjoints;
  for (const Ref node : graph::postorder(values)) {
    if (node->is(NodeKind::batch_sum)) sums.push_back(node);
    if (node->is(NodeKind::adjoint)) adjoints[node->operands[0]].push_back(node);
  }

  Program& program = writer.program();
  program.pool = writer.function("pool");
  program.epilogue = writer.function("epilogue");
  Solves solves(writer, solvers, std::move(adjoints));
  Tensors pool(writer, program.pool, {.clear_idle = true},
               [&](Tensors& tensors, Ref node) { solves.write(tensors, node); });
  Tensors epilogue(writer, program.epilogue, {.uniform = true, .epilogue = true});

  Extent totals = 0;
  int outputs = 0;
  std::vector<std::pair<Ref, Extent>> shared;
  for (const graph::Output& result : request.results) {
    const graph::Type& type = result.value->type;
    const bool per_sample =
        result.value->base == graph::Base::sample || rates.of(result.value) == Rate::sample;
    program.interface.results.push_back({result.name, type.shape, type.element, per_sample,
                                         per_sample ? outputs : 0, per_sample ? Extent(0) : totals});
    if (per_sample) {
      const BufferId id = writer.buffer({.name = result.name,
                                         .lanes = true,
                                         .storage = Storage::output,
                                         .size = type.size(),
                                         .slot = outputs++});
      pool.output(result.value, {id, 0, row_major(type.shape)});
    } else {
      shared.emplace_back(result.value, totals);
      totals = totals + type.size();
    }
  }
  for (const Ref sum : sums) {
    const Location at = writer.accumulator(sum);
    pool.deposit(sum->operands[0], at);
    epilogue.locate(sum, at);
  }
  pool.write();

  if (!shared.empty()) {
    const BufferId id = writer.buffer({.name = "totals", .storage = Storage::total, .size = totals});
    for (const auto& [value, offset] : shared)
      epilogue.output(value, {id, offset, row_major(value->type.shape)});
    epilogue.write();
  }
  if (refusal) *refusal = writer.refusal();
  return std::move(program);
}

}  // namespace nodec::schedule
