// The values of a derivation -> their names: users' words for leaves, letters by role for what is in between.
#include "compiler/notation/vocabulary.hpp"

#include <algorithm>

#include "compiler/graph/op.hpp"
#include "compiler/notation/product.hpp"

namespace nodec::notation {

using namespace graph;

namespace {

// net.hidden[0].W -> W
std::string last_word(const std::string& path) {
  const std::string word = path.substr(path.rfind('.') + 1);
  return word.substr(0, word.find('['));
}

bool depends_on(Ref node, Ref variable) {
  const int binder = variable->as<Variable>().binder;
  return std::binary_search(node->free.begin(), node->free.end(), binder);
}

}  // namespace

Vocabulary::Vocabulary(const Derivatives& derivatives, const Field& field) : d_(derivatives) {
  for (const Ref node : postorder(d_.f)) of_field_.insert(node);
  translator.rate = [this](Ref node) { return rate(node); };
  translator.taken = [this](const std::string& letter) { return symbols_.taken(letter); };
  name_leaves(field);
  name_values();
  multiply_out(false);
}

int Vocabulary::rate(Ref node) const {
  if (!d_.integrals.empty() && depends_on(node, d_.integrals[0])) return 4;
  if (!node->free.empty()) return 3;
  return static_cast<int>(node->base);
}

std::string Vocabulary::rate_text(Ref node) const {
  constexpr const char* texts[] = {"once", "once per update", "once per sample", "", "once per update"};
  return texts[rate(node)];
}

void Vocabulary::say(Ref node, const std::string& word, const std::string& meaning) {
  if (translator.names.count(node)) return;
  Symbol* symbol = symbols_.word(word);
  translator.names[node] = symbol;
  // A parameter of no longer name needs none beside it.
  const size_t space = meaning.find(' ');
  const bool said = space != std::string::npos && meaning.substr(space + 1) == word;
  rows.push_back({name(symbol), node->type, said ? meaning.substr(0, space) : meaning});
}

void Vocabulary::name_leaves(const Field& field) {
  std::vector<Ref> roots = d_.written();
  for (const Derivatives::Block& block : d_.blocks) roots.push_back(block.value);
  const std::vector<Ref> nodes = postorder(roots);
  const std::unordered_set<Ref> read(nodes.begin(), nodes.end());
  for (size_t i = 0; i < d_.states.size(); ++i) {
    say(d_.states[i], field.states[i].name, "state");
    states_.push_back(translator.names.at(d_.states[i]));
  }
  say(d_.time, "t", "time");
  if (!read.count(d_.time)) rows.pop_back();
  for (const Quantity& p : field.parameters)
    if (read.count(p.node)) say(p.node, last_word(p.name), "parameter " + p.name);
  for (const Quantity& p : field.inputs)
    if (read.count(p.node)) say(p.node, p.name, "input");
  for (const Ref probe : d_.probes) say(probe, "ε", "random, drawn once for a solve");
  std::vector<Ref> constants;
  for (const Ref node : nodes) {
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
        say(node, "noise", "random, drawn once per sample");
        break;
      case Kind::constant:
        if (!trivial(node)) constants.push_back(node);
        break;
      default:
        break;
    }
  }
  for (const char* word : {"J", "L", "I", "e"}) symbols_.reserve(word);
  symbols_.settle_words();
  for (const Ref node : constants) {
    Symbol* symbol = symbols_.letter({"C", "Q", "B", "Γ"});
    translator.names[node] = symbol;
    rows.push_back({name(symbol), node->type, "constants"});
  }
  for (size_t i = 0; i < d_.kappa.size(); ++i) {
    const Symbol* of = nullptr;
    if (i >= d_.states.size())
      of = loose("ℓ");
    else if (d_.states.size() > 1)
      of = states_[i];
    adjoints_.push_back(adjoint_of(of));
    translator.names[d_.kappa[i]] = adjoints_.back();
  }
}

const std::string& Vocabulary::adjoint_letter() {
  if (!adjoint_letter_.empty()) return adjoint_letter_;
  adjoint_letter_ = "adjoint";
  for (const char* letter : {"a", "λ", "p", "b", "y"})
    if (!symbols_.taken(letter)) {
      adjoint_letter_ = letter;
      break;
    }
  return adjoint_letter_;
}

void Vocabulary::name_values() {
  const std::vector<Ref> written = d_.written();
  Naming naming;
  naming.add(written);
  for (const Derivatives::Block& block : d_.blocks)
    naming.add_product(block.value, [this](Ref node) { return !of_field(node); });
  require_steps(d_.trace, naming);
  if (d_.estimate) require_steps(d_.estimate, naming);
  for (const Ref node : d_.made) naming.require(node);

  std::unordered_set<Ref> of_kappa(d_.kappa.begin(), d_.kappa.end());
  for (const Ref node : postorder(d_.pulled))
    if (std::any_of(node->operands.begin(), node->operands.end(),
                    [&](Ref operand) { return of_kappa.count(operand) > 0; }))
      of_kappa.insert(node);
  for (size_t i = 0; i < d_.f.size(); ++i)
    if (!trivial(d_.f[i]) && !translator.names.count(d_.f[i]))
      translator.names[d_.f[i]] = symbols_.primed(states_[i]);
  for (const Ref node : naming.choose(translator.rate)) {
    if (translator.names.count(node)) continue;
    translator.names[node] = symbols_.letter(letters(node, of_kappa.count(node) > 0));
    values.push_back(node);
  }
  symbols_.settle_letters();
  for (const Ref node : postorder(written))
    if (node->is(Kind::contract) && node->operands.size() == 1) summed_.insert(node->operands[0]);
  once_ = [this, uses = naming](Ref node) { return multiplies_through(node) && uses.uses(node) <= 1; };
}

// Each contraction of a trace is a step of the order that was chosen, and has a line.
void Vocabulary::require_steps(Ref trace, Naming& naming) const {
  const std::vector<Ref> nodes = postorder(std::span(&trace, 1));
  std::unordered_set<Ref> last{trace};
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    if (!last.count(*node)) continue;
    const bool linear = is_map(*node, "add") || is_map(*node, "sub") || without_factors(*node) != *node;
    if (linear) last.insert((*node)->operands.begin(), (*node)->operands.end());
  }
  for (const Ref node : nodes)
    if (node->is(Kind::contract) && node->operands.size() > 1 && !of_field(node) && !last.count(node))
      naming.require(node);
}

// What a product in the field is multiplied out through: what is written without a line of its own.
bool Vocabulary::multiplies_through(Ref node) const {
  if (node->is(Kind::contract) || node->is(Kind::view) || is_map(node, "neg")) return true;
  if (!is_map(node, "mul")) return false;
  return summed_.count(node) > 0 ||
         std::any_of(node->operands.begin(), node->operands.end(), [](Ref x) { return is_number(x); });
}

void Vocabulary::multiply_out(bool out) {
  if (out) {
    translator.passes = [this](Ref node) { return !of_field(node); };
    translator.anonymous = [this](Ref node) { return node->is(Kind::contract) && !of_field(node); };
  } else {
    translator.passes = once_;
    translator.anonymous = [](Ref) { return false; };
  }
}

std::vector<std::string> Vocabulary::letters(Ref node, bool of_kappa) const {
  using List = std::vector<std::string>;
  const bool matrix = node->type.rank() >= 2;
  if (node->type.element == Element::boolean) return {"m", "c", "w"};
  if (node->type.element == Element::integer) return {"n", "m", "k"};
  const int often = rate(node);
  if (of_kappa || often == 4) return matrix ? List{"M", "N", "Ξ"} : List{"μ", "ν", "ξ", "η"};
  if (often <= 1) return matrix ? List{"K", "P", "Θ"} : List{"k", "p", "θ", "κ"};
  if (often == 2) return matrix ? List{"X", "Y", "Ψ"} : List{"c", "x", "y", "ψ"};
  const bool arithmetic =
      is_map(node, "add") || is_map(node, "sub") || is_map(node, "mul") || is_map(node, "div");
  if (of_field(node)) {
    if (node->is(Kind::map) && !arithmetic) return matrix ? List{"S", "H", "Z"} : List{"s", "h", "σ", "φ"};
    return matrix ? List{"U", "G", "E"} : List{"u", "g", "r", "υ"};
  }
  if (node->is(Kind::map)) return matrix ? List{"D", "R", "Δ"} : List{"d", "r", "δ", "ϵ"};
  return matrix ? List{"V", "F", "Φ"} : List{"v", "w", "q", "ω"};
}

bool Vocabulary::same_as_velocity(Ref node, size_t i) {
  const auto found = translator.names.find(node);
  if (found == translator.names.end()) return false;
  const Symbol &a = *found->second, &b = *symbols_.primed(states_[i]);
  return a.base == b.base && a.number == b.number && a.primes == b.primes && a.of == b.of;
}

void Vocabulary::mention(Ref node, std::unordered_set<Ref>& mentioned) const {
  std::unordered_set<Ref> seen;
  mention(node, true, seen, mentioned);
}

void Vocabulary::mention(Ref node, bool root, std::unordered_set<Ref>& seen,
                         std::unordered_set<Ref>& mentioned) const {
  const auto named = [this](Ref n) { return translator.names.count(n) && !translator.anonymous(n); };
  if (named(node)) mentioned.insert(node);
  if (!seen.insert(node).second || (node->operands.empty() && !root)) return;
  if (node->is(Kind::contract)) {
    const Product product = flatten(node, [&](Ref x) { return !named(x) && translator.passes(x); });
    for (const Factor& factor : product.factors) mention(factor.node, false, seen, mentioned);
    return;
  }
  for (const Ref operand : written_operands(node)) mention(operand, false, seen, mentioned);
}

}  // namespace nodec::notation
