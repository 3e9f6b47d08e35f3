// Constructors of formulas.
#include "compiler/notation/formula.hpp"

#include <algorithm>
#include <utility>

namespace nodec::notation {
namespace {

Formula make(Form form, std::vector<Formula> parts) {
  return std::make_shared<Node>(Node{form, 0, nullptr, {}, {}, std::move(parts)});
}

Formula make(Form form, std::string text, std::string latex, std::vector<Formula> parts) {
  return std::make_shared<Node>(Node{form, 0, nullptr, std::move(text), std::move(latex), std::move(parts)});
}

// The number in front of a formula, and what it multiplies (null: nothing else).
std::pair<double, Formula> split(const Formula& x) {
  if (x->form == Form::number) return {x->value, nullptr};
  if (x->form == Form::negative) {
    const auto [factor, rest] = split(x->parts[0]);
    return {-factor, rest};
  }
  if (x->form == Form::times && x->parts[0]->form == Form::number) {
    std::vector<Formula> rest(x->parts.begin() + 1, x->parts.end());
    return {x->parts[0]->value, rest.size() == 1 ? rest[0] : make(Form::times, rest)};
  }
  if (x->form == Form::hadamard) {
    const auto [factor, rest] = split(x->parts[0]);
    if (factor != 1 && rest) {
      std::vector<Formula> parts = x->parts;
      parts[0] = rest;
      return {factor, make(Form::hadamard, parts)};
    }
  }
  if (x->form == Form::tuple) {
    // (−x, 0, −y) is −(x, 0, y).
    const auto zero = [](const Formula& part) { return is_number(part, 0) || is_zeros(part); };
    std::vector<Formula> parts;
    bool some = false;
    for (const Formula& part : x->parts) {
      if (!zero(part) && split(part).first >= 0) return {1, x};
      some = some || !zero(part);
      parts.push_back(negate(part));
    }
    if (some) return {-1, make(Form::tuple, parts)};
  }
  if (x->form == Form::quotient) {
    const auto [factor, rest] = split(x->parts[0]);
    if (factor != 1) return {factor, make(Form::quotient, {rest ? rest : number(1), x->parts[1]})};
  }
  return {1, x};
}

Formula scaled(double factor, const Formula& x) {
  if (!x) return number(factor);
  if (factor == 1) return x;
  if (factor < 0) return make(Form::negative, {scaled(-factor, x)});
  if (x->form == Form::quotient)
    return make(Form::quotient, {times({number(factor), x->parts[0]}), x->parts[1]});
  if (x->form == Form::hadamard) {
    std::vector<Formula> parts = x->parts;
    parts[0] = scaled(factor, parts[0]);
    return make(Form::hadamard, parts);
  }
  std::vector<Formula> parts{number(factor)};
  if (x->form == Form::times)
    parts.insert(parts.end(), x->parts.begin(), x->parts.end());
  else
    parts.push_back(x);
  return make(Form::times, parts);
}

}  // namespace

bool is_number(const Formula& x, double value) { return x->form == Form::number && x->value == value; }
bool is_zeros(const Formula& x) { return x->form == Form::literal && x->text.starts_with('0'); }

bool same(const Formula& a, const Formula& b) {
  if (a == b) return true;
  if (a->form != b->form || a->value != b->value || a->symbol != b->symbol || a->text != b->text ||
      a->parts.size() != b->parts.size())
    return false;
  for (size_t i = 0; i < a->parts.size(); ++i)
    if (!same(a->parts[i], b->parts[i])) return false;
  return true;
}

Formula number(double value) {
  auto node = std::make_shared<Node>();
  node->form = Form::number;
  node->value = value == 0 ? 0 : value;  // no negative zero
  return node;
}

Formula name(const Symbol* symbol) {
  auto node = std::make_shared<Node>();
  node->form = Form::name;
  node->symbol = symbol;
  return node;
}

Formula literal(std::string text, std::string latex) {
  return make(Form::literal, std::move(text), std::move(latex), {});
}

Formula negate(const Formula& x) {
  if (x->form == Form::number) return number(-x->value);
  if (is_zeros(x)) return x;
  if (x->form == Form::sum) {
    std::vector<Formula> terms;
    for (const Formula& term : x->parts) terms.push_back(negate(term));
    return sum(terms);
  }
  if (x->form == Form::tuple) {
    std::vector<Formula> parts;
    for (const Formula& part : x->parts) parts.push_back(negate(part));
    return tuple(parts);
  }
  const auto [factor, rest] = split(x);
  return scaled(-factor, rest);
}

Formula sum(const std::vector<Formula>& terms) {
  std::vector<Formula> flat;
  double constant = 0;
  size_t at = 0;
  const auto add = [&](const Formula& term) {
    if (term->form == Form::number) {
      if (constant == 0) at = flat.size();
      constant += term->value;
      return;
    }
    const auto [own, bare] = split(term);
    for (Formula& other : flat) {
      const auto [factor, rest] = split(other);
      if (!rest || !same(rest, bare)) continue;
      other = factor + own == 0 ? number(0) : scaled(factor + own, rest);
      return;
    }
    flat.push_back(term->form == Form::tuple && own < 0 ? scaled(own, bare) : term);
  };
  for (const Formula& term : terms) {
    if (term->form != Form::sum) {
      add(term);
      continue;
    }
    for (const Formula& inner : term->parts) add(inner);
  }
  std::erase_if(flat, [](const Formula& x) { return x->form == Form::number; });
  // A number stands where it stood: 1 - x and x + 1 both read well.
  if (constant != 0)
    flat.insert(flat.begin() + static_cast<std::ptrdiff_t>(std::min(at, flat.size())), number(constant));
  if (flat.empty()) return number(0);
  if (flat.size() == 1) return flat[0];
  const auto is_negative = [](const Formula& x) { return split(x).first < 0; };
  if (is_negative(flat[0])) {
    const auto positive = std::find_if_not(flat.begin(), flat.end(), is_negative);
    if (positive != flat.end()) std::rotate(flat.begin(), positive, positive + 1);
  }
  return make(Form::sum, flat);
}

Formula times(const std::vector<Formula>& factors) {
  double factor = 1;
  std::vector<Formula> rest;
  for (const Formula& x : factors) {
    const auto [own, other] = split(x);
    factor *= own;
    if (!other) continue;
    if (other->form == Form::times)
      rest.insert(rest.end(), other->parts.begin(), other->parts.end());
    else
      rest.push_back(other);
  }
  if (factor == 0 || rest.empty()) return number(factor);
  if (rest.size() == 1) return scaled(factor, rest[0]);
  return scaled(factor, make(Form::times, rest));
}

Formula hadamard(const std::vector<Formula>& scalars, const std::vector<Formula>& tensors) {
  const Formula in_front = times(scalars);
  if (tensors.empty()) return in_front;
  std::vector<Formula> flat;
  double factor = 1;
  for (const Formula& x : tensors) {
    const auto [own, rest] = split(x);
    factor *= own;
    if (!rest) continue;
    if (rest->form == Form::hadamard)
      flat.insert(flat.end(), rest->parts.begin(), rest->parts.end());
    else
      flat.push_back(rest);
  }
  const auto [own, scalar] = split(in_front);
  factor *= own;
  if (factor == 0) return number(0);
  if (flat.empty()) return scaled(factor, scalar);
  if (scalar) flat[0] = times({scalar, flat[0]});
  return scaled(factor, flat.size() == 1 ? flat[0] : make(Form::hadamard, flat));
}

Formula quotient(const Formula& a, const Formula& b) {
  if (is_number(b, 1)) return a;
  if (is_number(a, 0)) return a;
  const auto [factor, rest] = split(a);
  if (factor < 0) return negate(quotient(scaled(-factor, rest), b));
  return make(Form::quotient, {a, b});
}

Formula power(const Formula& base, const Formula& exponent) {
  if (is_number(exponent, 1)) return base;
  return make(Form::power, {base, exponent});
}

Formula call(std::string text, std::string latex, std::vector<Formula> arguments) {
  return make(Form::call, std::move(text), std::move(latex), std::move(arguments));
}

Formula infix(std::string text, std::string latex, std::vector<Formula> arguments) {
  return make(Form::infix, std::move(text), std::move(latex), std::move(arguments));
}

Formula index(const Formula& base, std::vector<Formula> indices) {
  if (indices.empty()) return base;
  if (base->form == Form::transpose && indices.size() == 2)
    return index(base->parts[0], {indices[1], indices[0]});
  // A column of the identity.
  const auto whole = [](const Formula& x) { return x->form == Form::literal && x->text == ":"; };
  if (base->form == Form::literal && base->text == "I" && indices.size() == 2 && whole(indices[0]) &&
      !whole(indices[1]))
    return index(literal("e", "e"), {indices[1]});
  indices.insert(indices.begin(), base);
  return make(Form::index, std::move(indices));
}

Formula transpose(const Formula& x) {
  if (x->form == Form::transpose) return x->parts[0];
  const auto [factor, rest] = split(x);
  if (!rest || factor != 1) return rest ? scaled(factor, transpose(rest)) : x;
  const auto turned = [](const Formula& part) { return part->form == Form::transpose; };
  if (x->form == Form::hadamard && std::any_of(x->parts.begin(), x->parts.end(), turned)) {
    std::vector<Formula> parts;
    for (const Formula& part : x->parts) parts.push_back(transpose(part));
    return make(Form::hadamard, parts);
  }
  return make(Form::transpose, {x});
}

Formula diagonal(const Formula& x) {
  const auto [factor, rest] = split(x);
  if (!rest) return scaled(factor, literal("I", "I"));
  return scaled(factor, call("diag({0})", "\\operatorname{diag}({0})", {rest}));
}

Formula tuple(std::vector<Formula> parts) { return make(Form::tuple, std::move(parts)); }

Formula cases(const Formula& condition, const Formula& yes, const Formula& no) {
  return make(Form::cases, {condition, yes, no});
}

Formula big(std::string text, std::string latex, const Formula& body, std::vector<Formula> indices) {
  if (indices.empty()) return body;
  const auto [factor, rest] = split(body);
  if (!rest) {
    indices.insert(indices.begin(), body);
    return make(Form::big, std::move(text), std::move(latex), std::move(indices));
  }
  indices.insert(indices.begin(), rest);
  return scaled(factor, make(Form::big, std::move(text), std::move(latex), std::move(indices)));
}

Formula matrix(size_t columns, std::vector<Formula> entries) {
  auto node = std::make_shared<Node>();
  node->form = Form::matrix;
  node->value = static_cast<double>(columns);
  node->parts = std::move(entries);
  return node;
}

}  // namespace nodec::notation
