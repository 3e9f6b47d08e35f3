// A field -> a page on what is derived of it.
//
// With states z, κ = a their cotangents and c what the field captures (parameters, inputs, values that these
// determine): the field f; J = ∂f/∂z; tr J; and the adjoint dynamics of Chen et al. 2018, a' = −aᵀ ∂f/∂z,
// a_c' = −aᵀ ∂f/∂c, a_t' = −aᵀ ∂f/∂t. Everything is what derive/ gives: nothing here knows a rule of
// calculus.
#include "compiler/notation/derivation.hpp"

#include <algorithm>

#include "compiler/notation/derivatives.hpp"
#include "compiler/notation/vocabulary.hpp"

namespace nodec::notation {

using namespace graph;

namespace {

Formula partial(const Formula& f, const Formula& x) {
  return call("∂{0}/∂{1}", "\\frac{\\partial {0}}{\\partial {1}}", {f, x});
}

class Explanation {
 public:
  Explanation(const Derivatives& d, const Field& field, Derivation& result)
      : d_(d), field_(field), result_(result), words_(d, field) {}

  const Page& page() const { return page_; }
  void write() {
    page_.heading = "field " + field_.name;
    page_.subheading = field_.solved;
    page_.rows = words_.rows;
    page_.costs = {{"field", result_.field}, {"trace", result_.trace}};
    add_field();
    add_jacobian();
    add_trace();
    if (d_.estimate) {
      add_estimate();
      page_.costs.push_back({"estimate", result_.estimate});
    }
    add_adjoint();
    page_.costs.push_back({"vjp", result_.vjp});
    page_.costs.push_back({"adjoint", result_.adjoint});
    page_.lengths = has_lengths();
  }

 private:
  // The lines of values that these mention and no section before has.
  void define(Section& section, const std::vector<Ref>& roots, bool counted) {
    std::unordered_set<Ref> mentioned;
    for (const Ref root : roots) words_.mention(root, mentioned);
    for (const Ref node : words_.values) {
      if (!mentioned.count(node) || !defined_.insert(node).second) continue;
      section.lines.push_back(line(name(words_.translator.names.at(node)), node));
      if (counted) section.lines.back().multiply_adds = cost(*node).multiply_adds;
    }
  }

  Line line(const Formula& left, Ref node) {
    const auto [at, right] = words_.translator.equation(left, node);
    return {at, right, node->type, true, words_.rate_text(node)};
  }
  // Without shape and rate.
  Line bare(const Formula& left, Ref node) {
    Line result = line(left, node);
    result.type_said = false;
    result.rate.clear();
    return result;
  }
  // A value that has a name is that name.
  Line short_line(const Formula& left, Ref node) {
    const auto found = words_.translator.names.find(node);
    if (found == words_.translator.names.end()) return bare(left, node);
    return {left, name(found->second), node->type};
  }

  void add_field() {
    Section section{"Field", {}, {}, {}};
    define(section, d_.f, false);
    for (size_t i = 0; i < d_.f.size(); ++i) {
      const Formula left = words_.velocity(i);
      const bool own = words_.same_as_velocity(d_.f[i], i);
      // q' = q', of an equation of second order, says nothing.
      if (own && d_.f[i]->operands.empty()) continue;
      section.lines.push_back(own ? bare(left, d_.f[i]) : short_line(left, d_.f[i]));
    }
    const std::vector<Ref> nodes = postorder(d_.f);
    if (std::any_of(nodes.begin(), nodes.end(), [](Ref node) { return node->is(Kind::solve); }))
      section.notes.push_back({"", {"recur(…): the values of a loop in the field, pull(…): its cotangents"}});
    page_.sections.push_back(std::move(section));
  }

  void add_jacobian() {
    Section section{"Jacobian", {}, {}, {}};
    const Formula whole = literal("J", "J");
    if (d_.states.size() == 1)
      section.subtitle = {whole, " = ", partial(words_.velocity(0), words_.state(0))};
    if (!d_.refused_jacobian.empty()) {
      section.notes.push_back({"", {"not written out: " + d_.refused_jacobian}});
      page_.sections.push_back(std::move(section));
      return;
    }
    // Products are multiplied out, W₃ diag(d₂) W₂ diag(d₁) W₁, unless that is too long to be read.
    const std::unordered_set<Ref> before = defined_;
    Section lines = section;
    words_.multiply_out(true);
    const bool readable = add_blocks(lines, whole);
    words_.multiply_out(false);
    if (!readable) {
      defined_ = before;
      lines = section;
      add_blocks(lines, whole);
    }
    for (const Line& l : lines.lines) {
      const Formula& left = l.left->form == Form::index ? l.left->parts[0] : l.left;
      if (left->form == Form::name) continue;
      if (!result_.jacobian.empty()) result_.jacobian += "\n";
      for (const std::string& piece : equation_text(l.left, l.right, SIZE_MAX)) result_.jacobian += piece;
    }
    if (!d_.structure.empty() && d_.structure != "dense" && d_.elements() > 1)
      lines.notes.push_back({"structure", {d_.structure}});
    page_.sections.push_back(std::move(lines));
  }

  // False when a line is too long.
  bool add_blocks(Section& section, const Formula& whole) {
    constexpr size_t most_columns = 240;
    std::vector<Ref> values;
    for (const Derivatives::Block& block : d_.blocks) values.push_back(block.value);
    define(section, values, false);
    if (d_.blocks.empty()) {
      section.lines.push_back({whole, number(0), {}});
    } else if (d_.states.size() == 1) {
      section.lines.push_back(line(whole, d_.blocks[0].value));
      section.lines.back().rate.clear();
    } else if (!add_matrix(section, whole)) {
      for (const Derivatives::Block& block : d_.blocks) {
        const Formula left = partial(words_.velocity(block.row), words_.state(block.column));
        section.lines.push_back(line(left, block.value));
        section.lines.back().rate.clear();
      }
      if (d_.blocks.size() < d_.states.size() * d_.states.size())
        section.notes.push_back({"", {"the other blocks are 0"}});
    }
    return std::all_of(section.lines.begin(), section.lines.end(), [](const Line& l) {
      return l.right->form == Form::matrix || width(text_writer().write(l.right)) <= most_columns;
    });
  }

  // Scalar states: the Jacobian as a matrix, where it is small enough to be read.
  bool add_matrix(Section& section, const Formula& whole) {
    constexpr size_t most = 4, most_columns = 84;
    const size_t n = d_.states.size();
    const bool scalars =
        std::all_of(d_.states.begin(), d_.states.end(), [](Ref x) { return x->type.scalar(); });
    if (!scalars || n > most) return false;
    std::vector<Formula> entries(n * n, number(0));
    std::vector<size_t> widths(n, 1);
    for (const Derivatives::Block& block : d_.blocks) {
      const Formula right = words_.translator.equation(whole, block.value).right;
      entries[block.row * n + block.column] = right;
      widths[block.column] = std::max(widths[block.column], width(text_writer().write(right)));
    }
    size_t columns = 0;
    for (const size_t w : widths) columns += w + 3;
    if (columns > most_columns) return false;
    section.lines.push_back({whole, matrix(n, entries), {}});
    return true;
  }

  // Step by step, in the order that was chosen.
  void add_steps(Section& section, const Formula& left, Ref value) {
    define(section, {value}, true);
    Line last = defined_.count(value) ? short_line(left, value) : bare(left, value);
    for (const Ref node : postorder(std::span(&value, 1)))
      if (node->is(Kind::contract) && !words_.of_field(node) && !defined_.count(node))
        last.multiply_adds += cost(*node).multiply_adds;
    section.lines.push_back(last);
  }

  void add_trace() {
    Section section{"Trace", {}, {}, {}};
    if (!d_.refused_trace.empty()) {
      section.notes.push_back({"", {"not derived: " + d_.refused_trace}});
      page_.sections.push_back(std::move(section));
      return;
    }
    add_steps(section, literal("tr J", "\\operatorname{tr} J"), d_.trace);
    if (result_.naive > 0) {
      const Cost &each = result_.trace.evaluation, &update = result_.trace.update;
      std::string chosen = multiply_adds(each.multiply_adds) + " each evaluation";
      if (update.multiply_adds > 0)
        chosen += ", " + std::to_string(update.multiply_adds) + " once per update";
      section.notes.push_back({"chosen order", {chosen}});
      const int64_t n = d_.elements();
      section.notes.push_back(
          {"naive",
           {"D = " + std::to_string(n) + (n == 1 ? " product" : " products") + " with ",
            transpose(literal("J", "J")), ": " + multiply_adds(result_.naive) + " each evaluation"}});
    }
    page_.sections.push_back(std::move(section));
  }

  void add_estimate() {
    const Formula probe = name(words_.translator.names.at(d_.probes[0]));
    Section section{"Estimate", {"of the trace (Hutchinson), by ", probe}, {}, {}};
    if (d_.probes.size() > 1) section.subtitle.push_back(", …");
    const Symbol* logdet = words_.adjoint(d_.states.size())->of;
    add_steps(section, words_.primed(logdet), d_.estimate);
    page_.sections.push_back(std::move(section));
  }

  void add_adjoint() {
    Section section{"Adjoint", adjoint_subtitle(), {}, {}};
    define(section, d_.pulled, false);
    const size_t states = d_.states.size();
    for (size_t i = 0; i < states; ++i) add_product(section, words_.adjoint(i), d_.pulled[1 + i]);
    if (field_.logdet) section.lines.push_back({words_.primed(words_.adjoint(states)), number(0), {}});
    for (size_t i = 0; i < d_.captured.size(); ++i) {
      const Symbol* symbol = words_.adjoint_of(words_.translator.names.at(d_.captured[i]));
      const auto at = std::find(d_.made.begin(), d_.made.end(), d_.captured[i]);
      if (at != d_.made.end())
        words_.translator.names[d_.integrals[static_cast<size_t>(at - d_.made.begin())]] = symbol;
      add_product(section, symbol, d_.pulled[1 + states + i]);
    }
    if (!is_zero(d_.pulled[0]))
      add_product(section, words_.adjoint_of(words_.translator.names.at(d_.time)), d_.pulled[0]);
    add_updates(section);
    if (field_.adjoint == "checkpoint")
      section.notes.push_back({"",
                               {"solved with adjoint checkpoint: the same products, at the recorded stages "
                                "(discrete adjoint)"}});
    if (field_.adjoint == "backsolve")
      section.notes.push_back({"", {"solved with adjoint backsolve: these equations, backward in time"}});
    page_.sections.push_back(std::move(section));
  }

  Sentence adjoint_subtitle() {
    constexpr size_t most_listed = 2;
    const Formula loss = literal("L", "L");
    Sentence text;
    if (d_.kappa.size() <= most_listed) {
      for (size_t i = 0; i < d_.kappa.size(); ++i) {
        if (i > 0) text.push_back(", ");
        text.push_back(name(words_.adjoint(i)));
        text.push_back(" = ");
        text.push_back(partial(loss, words_.differentiated(i)));
      }
    } else {
      const Formula any = literal("x", "x");
      text = {name(words_.adjoint_of(words_.loose("x"))), " = ", partial(loss, any), " of each state ", any};
    }
    if (field_.logdet) text.push_back(" (ℓ: the log-determinant)");
    return text;
  }

  // a_x' = −aᵀ ∂f/∂x
  void add_product(Section& section, const Symbol* symbol, Ref product) {
    Line l = short_line(words_.primed(symbol), product);
    l.right = negate(l.right);
    section.lines.push_back(l);
  }

  // What the solve itself has gathered of a parameter, and what it has of values that are made of it.
  void add_updates(Section& section) {
    std::vector<Ref> values;
    for (const auto& [parameter, value] : d_.updates) values.push_back(value);
    define(section, values, false);
    for (const auto& [parameter, value] : d_.updates) {
      const Symbol* symbol = words_.translator.names.at(parameter);
      Line back = line(partial(literal("L", "L"), name(symbol)), value);
      if (std::find(d_.captured.begin(), d_.captured.end(), parameter) != d_.captured.end()) {
        Formula own = name(words_.adjoint_of(symbol));
        if (back.left->form == Form::index)
          own = index(own, {back.left->parts.begin() + 1, back.left->parts.end()});
        back.right = sum({own, back.right});
      }
      back.type_said = false;
      back.rate = d_.per_sample(parameter) ? "once per sample" : "once per update";
      section.lines.push_back(back);
    }
  }

  bool has_lengths() const {
    const std::vector<Ref> nodes = postorder(d_.f);
    return std::any_of(nodes.begin(), nodes.end(), [](Ref node) {
      return std::any_of(node->type.shape.begin(), node->type.shape.end(),
                         [](const Extent& e) { return !e.is_constant(); });
    });
  }

  const Derivatives& d_;
  const Field& field_;
  Derivation& result_;
  Vocabulary words_;
  Page page_;
  std::unordered_set<Ref> defined_;
};

}  // namespace

Page explain(const Derivatives& derivatives, const Field& field, Derivation& result) {
  const auto explanation = std::make_shared<Explanation>(derivatives, field, result);
  explanation->write();
  Page page = explanation->page();
  page.owner = explanation;
  return page;
}

Derivation derive(Graph& g, const Field& field, bool all) {
  Derivation result;
  const Derivatives derivatives = differentiate(g, field);
  result.refusal = derivatives.refusal;
  if (!result.refusal.empty()) return result;
  count(derivatives, field.logdet, result);
  const Page page = explain(derivatives, field, result);
  constexpr size_t most_lines = 40;
  result.text = text_of(page, all ? SIZE_MAX : most_lines);
  result.latex = latex_of(page, all ? SIZE_MAX : most_lines);
  return result;
}

}  // namespace nodec::notation
