// A field -> a page on what is derived of it.
//
// With states z, κ = a their cotangents and c what the field captures (parameters, inputs, values that these
// determine): the field f; J = ∂f/∂z; tr J; and the adjoint dynamics of Chen et al. 2018, a' = −aᵀ ∂f/∂z,
// a_c' = −aᵀ ∂f/∂c, a_t' = −aᵀ ∂f/∂t. Everything is what derive/ gives: nothing here knows a rule of
// calculus.
#include "compiler/notation/derivation.hpp"

#include <algorithm>
#include <deque>
#include <functional>

#include "compiler/derive/derive.hpp"
#include "compiler/graph/algebra.hpp"
#include "compiler/graph/op.hpp"
#include "compiler/notation/naming.hpp"
#include "compiler/notation/page.hpp"
#include "compiler/notation/product.hpp"
#include "compiler/notation/symbols.hpp"
#include "compiler/notation/translate.hpp"

namespace nodec::notation {

using namespace graph;

namespace {

bool constant_zero(Ref node) { return node->is_splat(0); }

// net.hidden[0].W -> W
std::string last_word(const std::string& path) {
  std::string word = path.substr(path.rfind('.') + 1);
  return word.substr(0, word.find('['));
}

class Deriver {
 public:
  Deriver(Graph& g, const Field& field, bool all) : g_(g), field_(field), all_(all) {}

  Derivation run() {
    open();
    differentiate();
    if (!result_.refusal.empty()) return result_;
    count();
    name_leaves();
    name_values();
    page_.heading = "field " + field_.name;
    page_.subheading = field_.solved;
    add_field();
    add_jacobian();
    add_trace();
    add_adjoint();
    page_.costs = {{"field", result_.field},
                   {"trace", result_.trace},
                   {"vjp", result_.vjp},
                   {"adjoint", result_.adjoint}};
    constexpr size_t most_lines = 40;
    const size_t shown = all_ ? SIZE_MAX : most_lines;
    result_.text = text_of(page_, shown);
    result_.latex = latex_of(page_, shown);
    return result_;
  }

 private:
  struct Block {
    size_t row, column;
    Ref value;
  };

  // The field over variables that the cotangents stand beside.
  void open() {
    std::vector<Type> types{Type{}};
    for (const Quantity& state : field_.states) types.push_back(state.node->type);
    std::unordered_map<Ref, Ref> renamed, alone;
    const std::vector<Ref> lambda = g_.variables(types);
    const size_t states = field_.states.size();
    for (size_t i = 0; i < states; ++i) types.push_back(field_.states[i].node->type);
    if (field_.logdet) types.emplace_back();
    const std::vector<Ref> variables = g_.variables(types);
    renamed[field_.time] = variables[0];
    alone[field_.time] = lambda[0];
    for (size_t i = 0; i < states; ++i) {
      renamed[field_.states[i].node] = variables[1 + i];
      alone[field_.states[i].node] = lambda[1 + i];
    }
    time_ = variables[0];
    states_.assign(variables.begin() + 1, variables.begin() + 1 + static_cast<std::ptrdiff_t>(states));
    kappa_.assign(variables.begin() + 1 + static_cast<std::ptrdiff_t>(states), variables.end());
    f_ = g_.substitute(field_.derivatives, renamed);

    derive::Refusal refusal;
    trace_ = trace(states_, f_, refusal);
    if (refusal) refusal = {};
    // What a solve of the field would capture.
    std::vector<Ref> results = g_.substitute(field_.derivatives, alone);
    if (field_.logdet) results.push_back(trace({lambda.begin() + 1, lambda.end()}, results, refusal));
    for (const Ref node : g_.frontier(g_.close(lambda, results)))
      if (node->type.element == Element::real && depends_on_leaf(node)) captured_.push_back(node);
  }

  Ref trace(const std::vector<Ref>& states, const std::vector<Ref>& f, derive::Refusal& refusal) {
    Ref total = derive::divergence(g_, f, states, &refusal);
    if (refusal) {
      refused_trace_ = refusal.message;
      total = g_.constant(0);
    }
    return total;
  }

  // In the order of declaration, and then what is made of parameters.
  void by_declaration(std::vector<Ref>& nodes) const {
    const auto place = [this](Ref node) {
      size_t at = 0;
      for (const auto* list : {&field_.parameters, &field_.inputs})
        for (const Quantity& quantity : *list) {
          if (quantity.node == node) return at;
          ++at;
        }
      return node->operands.empty() ? at : at + 1;
    };
    std::stable_sort(nodes.begin(), nodes.end(), [&](Ref a, Ref b) { return place(a) < place(b); });
  }

  static Ref without_factors(Ref node) {
    const auto constant = [](Ref x) { return x->is(Kind::constant) && x->as<Constant>().values.size() == 1; };
    if (is_map(node, "neg")) return without_factors(node->operands[0]);
    if (is_map(node, "mul") && constant(node->operands[0])) return without_factors(node->operands[1]);
    if (is_map(node, "mul") && constant(node->operands[1])) return without_factors(node->operands[0]);
    return node;
  }

  static bool depends_on_leaf(Ref node) {
    const std::vector<Ref> nodes = postorder(std::span(&node, 1));
    return std::any_of(nodes.begin(), nodes.end(), [](Ref n) {
      return n->is(Kind::parameter) || (n->is(Kind::data) && n->type.element == Element::real);
    });
  }

  void differentiate() {
    derive::Refusal refusal;
    for (size_t i = 0; i < f_.size() && !refusal; ++i)
      for (size_t j = 0; j < states_.size() && !refusal; ++j) {
        const Ref block = derive::jacobian(g_, f_[i], states_[j], &refusal);
        if (!refusal && !constant_zero(block)) blocks_.push_back({i, j, block});
      }
    if (refusal) {
      refused_jacobian_ = refusal.message;
      blocks_.clear();
      refusal = {};
    }
    std::vector<Ref> outputs = f_, wrt{time_};
    if (field_.logdet) outputs.push_back(trace_);
    wrt.insert(wrt.end(), states_.begin(), states_.end());
    wrt.insert(wrt.end(), captured_.begin(), captured_.end());
    counted_ = derive::vjp(g_, outputs, kappa_, wrt, &refusal, derive::Over::sample);
    // -k is captured, but k is what is meant.
    std::vector<Ref> meant;
    for (const Ref node : captured_) {
      const Ref here = without_factors(node);
      if (std::find(meant.begin(), meant.end(), here) == meant.end()) meant.push_back(here);
    }
    captured_ = meant;
    by_declaration(captured_);
    wrt.resize(1 + states_.size());
    wrt.insert(wrt.end(), captured_.begin(), captured_.end());
    if (!refusal) pulled_ = derive::vjp(g_, outputs, kappa_, wrt, &refusal, derive::Over::sample);
    if (refusal) {
      result_.refusal = refusal.message;
      return;
    }
    const std::vector<Ref> own(kappa_.begin(), kappa_.begin() + static_cast<std::ptrdiff_t>(states_.size()));
    pulled_by_states_ = derive::vjp(g_, f_, own, states_, &refusal, derive::Over::sample);

    // What the cotangents of captured values give their parameters, once the solve is over.
    std::vector<Ref> made, leaves;
    std::vector<Type> types;
    for (const Ref node : captured_)
      if (!node->operands.empty()) {
        made.push_back(node);
        types.push_back(node->type);
      }
    if (made.empty()) return;
    for (const Ref node : postorder(made))
      if (node->is(Kind::parameter)) leaves.push_back(node);
    by_declaration(leaves);
    gathered_ = g_.variables(types, Base::parameter);
    gathered_of_ = made;
    const std::vector<Ref> back = derive::vjp(g_, made, gathered_, leaves, &refusal, derive::Over::sample);
    if (refusal) {
      result_.refusal = refusal.message;
      return;
    }
    for (size_t i = 0; i < leaves.size(); ++i)
      if (!constant_zero(back[i])) updates_.push_back({leaves[i], back[i]});
  }

  void count() {
    std::vector<Ref> with_trace = f_, with_pulled = f_, with_product = f_;
    with_trace.push_back(trace_);
    with_product.insert(with_product.end(), pulled_by_states_.begin(), pulled_by_states_.end());
    if (field_.logdet) with_pulled.push_back(trace_);
    with_pulled.insert(with_pulled.end(), counted_.begin(), counted_.end());
    result_.field = cost_by_rate(f_);
    const RatedCost both = cost_by_rate(with_trace);
    result_.trace = {both.evaluation - result_.field.evaluation, both.sample - result_.field.sample,
                     both.update - result_.field.update};
    result_.vjp = cost_by_rate(counted_);
    result_.adjoint = cost_by_rate(with_pulled);
    std::vector<Ref> each_sample, each_update;
    for (const auto& [leaf, value] : updates_)
      (per_sample(leaf) ? each_sample : each_update).push_back(value);
    for (RatedCost* sum : {&result_.vjp, &result_.adjoint}) {
      sum->sample = sum->sample + cost_by_rate(each_sample).evaluation;
      sum->update = sum->update + cost_by_rate(each_update).evaluation;
    }
    const int64_t product =
        cost_by_rate(with_product).evaluation.multiply_adds - result_.field.evaluation.multiply_adds;
    result_.naive = product * elements();
  }

  // Whether a parameter's cotangent comes through values that differ by sample.
  bool per_sample(Ref leaf) const {
    return std::any_of(gathered_of_.begin(), gathered_of_.end(), [&](Ref node) {
      const std::vector<Ref> below = postorder(std::span(&node, 1));
      return node->base == Base::sample && std::find(below.begin(), below.end(), leaf) != below.end();
    });
  }

  int64_t elements() const {
    Extent all = 0;
    std::map<std::string, int64_t> ones;
    for (const Ref state : states_) all = all + state->type.size();
    for (const std::string& atom : all.atoms()) ones[atom] = 1;
    return all.evaluate(ones);
  }

  // ---- names

  std::vector<Ref> roots() const {
    std::vector<Ref> all = f_;
    for (const Block& block : blocks_) all.push_back(block.value);
    all.push_back(trace_);
    all.insert(all.end(), pulled_.begin(), pulled_.end());
    for (const auto& [leaf, value] : updates_) all.push_back(value);
    return all;
  }

  Symbol* say(Ref node, const std::string& word, const std::string& meaning) {
    if (translator_.names.count(node)) return nullptr;
    Symbol* symbol = symbols_.word(word);
    translator_.names[node] = symbol;
    // A parameter of no longer name needs none beside it.
    const size_t space = meaning.find(' ');
    const bool said = space != std::string::npos && meaning.substr(space + 1) == word;
    page_.rows.push_back({name(symbol), node->type, said ? meaning.substr(0, space) : meaning});
    return symbol;
  }

  void name_leaves() {
    for (size_t i = 0; i < states_.size(); ++i)
      state_symbols_.push_back(say(states_[i], field_.states[i].name, "state"));
    std::unordered_set<Ref> read;
    for (const Ref node : postorder(roots())) read.insert(node);
    say(time_, "t", "time");
    if (!read.count(time_)) page_.rows.pop_back();
    for (const Quantity& p : field_.parameters)
      if (read.count(p.node)) say(p.node, last_word(p.name), "parameter " + p.name);
    for (const Quantity& p : field_.inputs)
      if (read.count(p.node)) say(p.node, p.name, "input");
    for (const Ref node : postorder(roots())) {
      switch (node->kind) {
        case Kind::parameter:
          say(node, last_word(node->as<Leaf>().name), "parameter " + node->as<Leaf>().name);
          break;
        case Kind::data:
          say(node, node->as<Leaf>().name, "data");
          break;
        case Kind::setting:
          say(node, node->as<Leaf>().name, "of the run");
          break;
        case Kind::random:
          say(node, "noise", "noise, once per sample");
          break;
        case Kind::constant:
          if (node->as<Constant>().values.size() > 9) constants_.push_back(node);
          break;
        default:
          break;
      }
    }
    for (const char* word : {"J", "L", "I", "e"}) symbols_.reserve(word);
    symbols_.settle_words();
    for (const Ref node : constants_) {
      Symbol* symbol = symbols_.letter({"C", "Q", "B", "Γ"});
      translator_.names[node] = symbol;
      page_.rows.push_back({name(symbol), node->type, "constants"});
    }
    for (size_t i = 0; i < kappa_.size(); ++i) {
      const bool logdet = i >= states_.size();
      const Symbol* of = logdet               ? symbols_.belonging("ℓ", nullptr)
                         : states_.size() > 1 ? state_symbols_[i]
                                              : nullptr;
      Symbol* symbol = symbols_.belonging(adjoint_letter(), of);
      adjoint_symbols_.push_back(symbol);
      translator_.names[kappa_[i]] = symbol;
    }
  }

  const std::string& adjoint_letter() {
    if (adjoint_letter_.empty()) {
      adjoint_letter_ = "adjoint";
      for (const char* letter : {"a", "λ", "p", "b", "y"})
        if (!symbols_.taken(letter)) {
          adjoint_letter_ = letter;
          break;
        }
    }
    return adjoint_letter_;
  }

  static bool depends_on(Ref node, Ref variable) {
    const int binder = variable->as<Variable>().binder;
    return std::binary_search(node->free.begin(), node->free.end(), binder);
  }

  int rate(Ref node) const {
    if (!gathered_.empty() && depends_on(node, gathered_[0])) return 4;
    if (!node->free.empty()) return 3;
    return static_cast<int>(node->base);
  }

  void name_values() {
    for (const Ref node : postorder(f_)) of_field_.insert(node);
    std::unordered_set<Ref> of_derivative;
    std::vector<Ref> blocks;
    for (const Block& block : blocks_) blocks.push_back(block.value);
    for (const Ref node : postorder(blocks)) of_derivative.insert(node);
    multiplied_out_ = [this](Ref node) { return !of_field_.count(node); };

    Naming naming;
    std::vector<Ref> written = f_;
    written.push_back(trace_);
    written.insert(written.end(), pulled_.begin(), pulled_.end());
    for (const auto& [leaf, value] : updates_) written.push_back(value);
    naming.add(written);
    for (const Block& block : blocks_) naming.add_product(block.value, multiplied_out_);
    require_steps_of_trace(naming);
    for (const Ref node : gathered_of_) naming.require(node);

    std::unordered_set<Ref> of_kappa;
    for (const Ref node : postorder(pulled_)) {
      const bool here = std::find(kappa_.begin(), kappa_.end(), node) != kappa_.end() ||
                        std::any_of(node->operands.begin(), node->operands.end(),
                                    [&](Ref operand) { return of_kappa.count(operand) > 0; });
      if (here) of_kappa.insert(node);
    }
    for (size_t i = 0; i < f_.size(); ++i)
      if (!trivial(f_[i]) && !translator_.names.count(f_[i]))
        translator_.names[f_[i]] = symbols_.primed(state_symbols_[i]);
    const auto rate_of = [this](Ref node) { return rate(node); };
    for (const Ref node : naming.choose(rate_of)) {
      if (translator_.names.count(node)) continue;
      translator_.names[node] = symbols_.letter(letters(node, of_kappa.count(node) > 0));
      values_.push_back(node);
    }
    symbols_.settle_letters();
    translator_.rate = rate_of;
    translator_.taken = [this](const std::string& letter) { return symbols_.taken(letter); };
    for (const Ref node : postorder(written))
      if (node->is(Kind::contract) && node->operands.size() == 1) summed_.insert(node->operands[0]);
    once_ = [this, uses = naming](Ref node) { return multiplies_through(node) && uses.uses(node) <= 1; };
    translator_.passes = once_;
  }

  // Each contraction of the trace is a step of the order that was chosen, and has a line.
  void require_steps_of_trace(Naming& naming) const {
    const std::vector<Ref> nodes = postorder(std::span(&trace_, 1));
    std::unordered_set<Ref> last{trace_};
    for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
      if (!last.count(*node)) continue;
      const bool linear = is_map(*node, "add") || is_map(*node, "sub") || is_map(*node, "neg") ||
                          without_factors(*node) != *node;
      if (linear) last.insert((*node)->operands.begin(), (*node)->operands.end());
    }
    for (const Ref node : nodes)
      if (node->is(Kind::contract) && node->operands.size() > 1 && !of_field_.count(node) &&
          !last.count(node))
        naming.require(node);
  }

  // What a product in the field is multiplied out through: what is written without a line of its own.
  bool multiplies_through(Ref node) const {
    if (node->is(Kind::contract) || node->is(Kind::view) || is_map(node, "neg")) return true;
    if (summed_.count(node) && is_map(node, "mul")) return true;
    return is_map(node, "mul") && std::any_of(node->operands.begin(), node->operands.end(), [](Ref operand) {
             return unrepeated(operand)->type.scalar() ||
                    (operand->is(Kind::constant) && operand->as<Constant>().values.size() == 1);
           });
  }

  std::vector<std::string> letters(Ref node, bool of_kappa) const {
    const bool matrix = node->type.rank() >= 2;
    if (node->type.element == Element::boolean) return {"m", "c", "w"};
    if (node->type.element == Element::integer) return {"n", "m", "k"};
    if (of_kappa || rate(node) == 4)
      return matrix ? std::vector<std::string>{"M", "N", "Ξ"} : std::vector<std::string>{"μ", "ν", "ξ", "η"};
    if (rate(node) <= 1)
      return matrix ? std::vector<std::string>{"K", "P", "Θ"} : std::vector<std::string>{"k", "p", "θ", "κ"};
    if (rate(node) == 2)
      return matrix ? std::vector<std::string>{"X", "Y", "Ψ"} : std::vector<std::string>{"c", "x", "y", "ψ"};
    const bool function = node->is(Kind::map) && !is_map(node, "add") && !is_map(node, "sub") &&
                          !is_map(node, "mul") && !is_map(node, "div");
    if (of_field_.count(node)) {
      if (function)
        return matrix ? std::vector<std::string>{"S", "H", "Z"}
                      : std::vector<std::string>{"s", "h", "σ", "φ"};
      return matrix ? std::vector<std::string>{"U", "G", "E"} : std::vector<std::string>{"u", "g", "r", "υ"};
    }
    if (node->is(Kind::map))
      return matrix ? std::vector<std::string>{"D", "R", "Δ"} : std::vector<std::string>{"d", "r", "δ", "ϵ"};
    return matrix ? std::vector<std::string>{"V", "F", "Φ"} : std::vector<std::string>{"v", "w", "q", "ω"};
  }

  // ---- the page

  std::string rate_text(Ref node) const {
    switch (rate(node)) {
      case 0:
        return "once";
      case 1:
        return "once per update";
      case 2:
        return "once per sample";
      case 4:
        return "once per update";
      default:
        return "";
    }
  }

  // The lines of values that these mention and no section before has.
  void define(Section& section, const std::vector<Ref>& roots, bool counted) {
    std::unordered_set<Ref> seen, mentioned;
    for (const Ref root : roots) mention(root, true, seen, mentioned);
    for (const Ref node : values_) {
      if (!mentioned.count(node) || !defined_.insert(node).second) continue;
      const Formula left = name(translator_.names.at(node));
      section.lines.push_back(line(left, node));
      if (counted) section.lines.back().multiply_adds = cost(*node).multiply_adds;
    }
  }

  void mention(Ref node, bool root, std::unordered_set<Ref>& seen, std::unordered_set<Ref>& mentioned) {
    const auto named = [this](Ref n) { return translator_.names.count(n) && !translator_.anonymous(n); };
    if (named(node)) mentioned.insert(node);
    if (!seen.insert(node).second || (node->operands.empty() && !root)) return;
    if (node->is(Kind::contract)) {
      const Product product = flatten(node, [&](Ref x) { return !named(x) && translator_.passes(x); });
      for (const Factor& factor : product.factors) mention(factor.node, false, seen, mentioned);
      return;
    }
    for (const Ref operand : node->operands) mention(operand, false, seen, mentioned);
  }

  Line line(const Formula& left, Ref node) {
    const auto [l, r] = translator_.equation(left, node);
    Line result{l, r, node->type, rate_text(node), 0};
    return result;
  }

  void add_field() {
    Section section{"Field", {}, {}, {}};
    define(section, f_, false);
    for (size_t i = 0; i < f_.size(); ++i) {
      Symbol* primed = symbols_.primed(state_symbols_[i]);
      // q' = q', of an equation of second order.
      const bool itself = std::any_of(states_.begin(), states_.end(), [&](Ref state) {
        const Symbol& other = *translator_.names.at(state);
        return state == f_[i] && other.base == primed->base && other.number == primed->number &&
               other.primes == primed->primes;
      });
      if (itself) continue;
      // A derivative that another equation has the name of is that one's.
      const auto found = translator_.names.find(f_[i]);
      const bool own = found != translator_.names.end() && found->second->primes > 0 &&
                       found->second->base == primed->base && found->second->number == primed->number;
      Line equation = own || found == translator_.names.end()
                          ? line(name(primed), f_[i])
                          : Line{name(primed), name(found->second), std::nullopt, "", 0};
      equation.type.reset();
      equation.rate.clear();
      section.lines.push_back(equation);
    }
    const std::vector<Ref> all = roots();
    for (const Ref node : postorder(all))
      if (node->is(Kind::solve)) {
        section.notes.push_back(
            {"", {"recur(…): the values of a loop in the field, pull(…): its cotangents"}});
        break;
      }
    page_.sections.push_back(std::move(section));
  }

  Formula state(size_t i) const { return name(state_symbols_[i]); }
  Formula velocity(size_t i) { return name(symbols_.primed(state_symbols_[i])); }
  static Formula partial(const Formula& f, const Formula& x) {
    return call("∂{0}/∂{1}", "\\frac{\\partial {0}}{\\partial {1}}", {f, x});
  }

  void add_jacobian() {
    Section section{"Jacobian", {}, {}, {}};
    const Formula whole = literal("J", "J");
    if (states_.size() == 1) section.subtitle = {whole, " = ", partial(velocity(0), state(0))};
    if (!refused_jacobian_.empty()) {
      section.notes.push_back({"", {"not written out: " + refused_jacobian_}});
      page_.sections.push_back(std::move(section));
      return;
    }
    // Products are multiplied out, W₃ diag(d₂) W₂ diag(d₁) W₁, unless that is too long to be read.
    translator_.passes = multiplied_out_;
    translator_.anonymous = [this](Ref node) { return node->is(Kind::contract) && !of_field_.count(node); };
    const std::unordered_set<Ref> before = defined_;
    Section lines = section;
    if (!add_blocks(lines, whole)) {
      defined_ = before;
      lines = section;
      translator_.anonymous = [](Ref) { return false; };
      translator_.passes = once_;
      add_blocks(lines, whole);
    }
    translator_.anonymous = [](Ref) { return false; };
    translator_.passes = once_;
    for (const Line& l : lines.lines) {
      const Formula& left = l.left->form == Form::index ? l.left->parts[0] : l.left;
      if (left->form == Form::name) continue;
      if (!result_.jacobian.empty()) result_.jacobian += "\n";
      for (const std::string& piece : equation_text(l.left, l.right, SIZE_MAX)) result_.jacobian += piece;
    }
    page_.sections.push_back(std::move(lines));
  }

  // False when a line is too long.
  bool add_blocks(Section& section, const Formula& whole) {
    constexpr size_t most_columns = 240;
    std::vector<Ref> values;
    for (const Block& block : blocks_) values.push_back(block.value);
    define(section, values, false);
    if (blocks_.empty()) {
      section.lines.push_back({whole, number(0), std::nullopt, "", 0});
    } else if (states_.size() == 1) {
      section.lines.push_back(line(whole, blocks_[0].value));
      section.lines.back().rate.clear();
    } else if (!add_matrix(section, whole)) {
      for (const Block& block : blocks_) {
        section.lines.push_back(line(partial(velocity(block.row), state(block.column)), block.value));
        section.lines.back().rate.clear();
      }
      if (blocks_.size() < states_.size() * states_.size())
        section.notes.push_back({"", {"the other blocks are 0"}});
    }
    return std::all_of(section.lines.begin(), section.lines.end(), [](const Line& l) {
      return l.right->form == Form::matrix || width(text_writer().write(l.right)) <= most_columns;
    });
  }

  // Scalar states: the Jacobian as a matrix, where it is small enough to be read.
  bool add_matrix(Section& section, const Formula& whole) {
    constexpr size_t most = 4, most_columns = 84;
    const size_t n = states_.size();
    const bool scalars = std::all_of(states_.begin(), states_.end(), [](Ref x) { return x->type.scalar(); });
    if (!scalars || n > most) return false;
    std::vector<Formula> entries(n * n, number(0));
    std::vector<size_t> widths(n, 1);
    for (const Block& block : blocks_) {
      const auto [left, right] = translator_.equation(whole, block.value);
      entries[block.row * n + block.column] = right;
      widths[block.column] = std::max(widths[block.column], width(text_writer().write(right)));
    }
    size_t columns = 0;
    for (const size_t w : widths) columns += w + 3;
    if (columns > most_columns) return false;
    section.lines.push_back({whole, matrix(n, entries), std::nullopt, "", 0});
    return true;
  }

  void add_trace() {
    Section section{"Trace", {}, {}, {}};
    if (!refused_trace_.empty()) {
      section.notes.push_back({"", {"not derived: " + refused_trace_}});
      page_.sections.push_back(std::move(section));
      return;
    }
    define(section, {trace_}, true);
    Line last = line(literal("tr J", "\\operatorname{tr} J"), trace_);
    const auto found = translator_.names.find(trace_);
    if (found != translator_.names.end() && found->second->primes == 0) last.right = name(found->second);
    if (last.right->form == Form::name && defined_.count(trace_)) last.type.reset();
    last.type.reset();
    last.rate.clear();
    last.multiply_adds = steps_at_the_end();
    section.lines.push_back(last);
    const auto per = [](const Cost& each, const Cost& update) {
      std::string text = multiply_adds(each.multiply_adds) + " each evaluation";
      if (update.multiply_adds > 0) text += ", " + std::to_string(update.multiply_adds) + " once per update";
      return text;
    };
    if (result_.naive > 0) {
      section.notes.push_back({"chosen order", {per(result_.trace.evaluation, result_.trace.update)}});
      const int64_t d = elements();
      section.notes.push_back(
          {"naive",
           {"D = " + std::to_string(d) + (d == 1 ? " product" : " products") + " with ",
            transpose(literal("J", "J")), ": " + multiply_adds(result_.naive) + " each evaluation"}});
    }
    page_.sections.push_back(std::move(section));
  }

  // The multiply-adds of what the trace's last line says.
  int64_t steps_at_the_end() const {
    int64_t sum = 0;
    for (const Ref node : postorder(std::span(&trace_, 1)))
      if (node->is(Kind::contract) && !of_field_.count(node) && !defined_.count(node))
        sum += cost(*node).multiply_adds;
    return sum;
  }

  void add_adjoint() {
    Section section{"Adjoint", {}, {}, {}};
    const Formula loss = literal("L", "L");
    const auto of = [&](size_t i) { return i < states_.size() ? state(i) : name(adjoint_symbols_[i]->of); };
    if (kappa_.size() <= 2) {
      for (size_t i = 0; i < kappa_.size(); ++i) {
        if (i > 0) section.subtitle.push_back(", ");
        section.subtitle.push_back(name(adjoint_symbols_[i]));
        section.subtitle.push_back(" = ");
        section.subtitle.push_back(partial(loss, of(i)));
      }
    } else {
      const Formula any = literal("x", "x");
      section.subtitle = {name(symbols_.belonging(adjoint_letter(), symbols_.belonging("x", nullptr))),
                          " = ",
                          partial(loss, any),
                          " for ",
                          any,
                          " = "};
      for (size_t i = 0; i < kappa_.size(); ++i) {
        if (i > 0) section.subtitle.push_back(", ");
        section.subtitle.push_back(of(i));
      }
    }
    if (field_.logdet) section.subtitle.push_back(" (ℓ: the log-determinant)");
    define(section, pulled_, false);
    for (size_t i = 0; i < states_.size(); ++i) add_quadrature(section, adjoint_symbols_[i], pulled_[1 + i]);
    for (size_t i = 0; i < captured_.size(); ++i) {
      const Symbol* of = translator_.names.at(captured_[i]);
      const Symbol* symbol = symbols_.belonging(adjoint_letter(), of);
      const auto at = std::find(gathered_of_.begin(), gathered_of_.end(), captured_[i]);
      if (at != gathered_of_.end())
        translator_.names[gathered_[static_cast<size_t>(at - gathered_of_.begin())]] = symbol;
      add_quadrature(section, symbol, pulled_[1 + states_.size() + i]);
    }
    if (!constant_zero(pulled_[0]))
      add_quadrature(section, symbols_.belonging(adjoint_letter(), translator_.names.at(time_)), pulled_[0]);
    if (!updates_.empty()) {
      std::vector<Ref> values;
      for (const auto& [leaf, value] : updates_) values.push_back(value);
      define(section, values, false);
      for (const auto& [leaf, value] : updates_) {
        Line back = line(partial(loss, name(translator_.names.at(leaf))), value);
        // What the solve itself has gathered of the parameter comes first.
        const auto own = std::find(captured_.begin(), captured_.end(), leaf);
        if (own != captured_.end()) {
          Formula gathered = name(symbols_.belonging(adjoint_letter(), translator_.names.at(leaf)));
          if (back.left->form == Form::index)
            gathered = index(gathered, {back.left->parts.begin() + 1, back.left->parts.end()});
          back.right = sum({gathered, back.right});
        }
        back.type.reset();
        back.rate = per_sample(leaf) ? "once per sample" : "once per update";
        section.lines.push_back(back);
      }
    }
    if (field_.adjoint == "checkpoint")
      section.notes.push_back({"",
                               {"solved with adjoint checkpoint: the same products, at the recorded stages "
                                "(discrete adjoint)"}});
    if (field_.adjoint == "backsolve")
      section.notes.push_back({"", {"solved with adjoint backsolve: these equations, backward in time"}});
    page_.sections.push_back(std::move(section));
  }

  // a_x' = −aᵀ ∂f/∂x
  void add_quadrature(Section& section, const Symbol* symbol, Ref product) {
    Line l;
    const auto found = translator_.names.find(product);
    const Formula left = name(symbols_.primed(symbol));
    if (found != translator_.names.end()) {
      l.left = left;
      l.right = negate(name(found->second));
    } else {
      l = line(left, product);
      l.right = negate(l.right);
      l.type.reset();
      l.rate.clear();
    }
    section.lines.push_back(l);
  }

  Graph& g_;
  const Field& field_;
  bool all_;
  Derivation result_;
  Page page_;
  Ref time_ = nullptr, trace_ = nullptr;
  std::vector<Ref> states_, kappa_, f_, captured_, pulled_, counted_, pulled_by_states_, gathered_,
      gathered_of_, constants_, values_;
  std::vector<Block> blocks_;
  std::vector<std::pair<Ref, Ref>> updates_;
  std::string refused_trace_, refused_jacobian_;
  Symbols symbols_;
  std::vector<const Symbol*> state_symbols_, adjoint_symbols_;
  std::string adjoint_letter_;
  Translator translator_;
  std::unordered_set<Ref> of_field_, defined_, summed_;
  std::function<bool(Ref)> multiplied_out_, once_;
};

}  // namespace

Derivation derive(Graph& g, const Field& field, bool all) { return Deriver(g, field, all).run(); }

}  // namespace nodec::notation
