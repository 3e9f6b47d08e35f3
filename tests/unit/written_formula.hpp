// A formula as it is written -> its value, read without the graph that it came from.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "compiler/notation/page.hpp"
#include "tests/unit/semantics_fixture.hpp"

namespace nodec::notation::testing {

using graph::Tensor;

// A matrix; a vector is a column, a number 1 by 1. -1: as large as it has to be (I, e[k]).
struct Value {
  int64_t rows = 1, columns = 1;
  std::function<double(int64_t, int64_t)> at;
};

inline Value scalar(double x) {
  return {1, 1, [x](int64_t, int64_t) { return x; }};
}

// Known elements are computed once.
inline Value stored(const Value& x) {
  if (x.rows < 0 || x.columns < 0) return x;
  std::vector<double> values;
  for (int64_t i = 0; i < x.rows; ++i)
    for (int64_t j = 0; j < x.columns; ++j) values.push_back(x.at(i, j));
  return {x.rows, x.columns, [values, n = x.columns](int64_t i, int64_t j) {
            return values.at(static_cast<size_t>(i * n + j));
          }};
}

// What is zero stays so, whatever it is multiplied with.
inline double times(double a, double b) { return a == 0 || b == 0 ? 0 : a * b; }

class Reader {
 public:
  std::map<std::string, Tensor> known;

  Tensor read(const Line& line) {
    Tensor result;
    int64_t size = 1;
    for (const nodec::graph::Extent& e : line.type.shape) {
      result.shape.push_back(e.value());
      size *= e.value();
    }
    const size_t rank = result.shape.size();
    if (line.left->form == Form::index && line.left->parts.size() == rank + 1) {
      for (int64_t k = 0; k < size; ++k) {
        int64_t rest = k;
        for (size_t axis = rank; axis-- > 0; rest /= result.shape[axis])
          bound_[line.left->parts[1 + axis]->text] = rest % result.shape[axis];
        result.values.push_back(number_of(line.right));
      }
      bound_.clear();
      return result;
    }
    const Value x = value(line.right);
    const int64_t columns = rank == 2 ? result.shape[1] : 1;
    const int64_t last = x.columns == 1 && x.rows != 1 && columns != 1 ? -2 : x.columns;
    REQUIRE((x.rows == -1 || x.rows * std::max<int64_t>(last, 1) == size || (x.rows == 1 && x.columns == 1)));
    for (int64_t k = 0; k < size; ++k)
      result.values.push_back(x.rows == 1 && x.columns == 1 ? x.at(0, 0)
                              : x.rows == 1 && columns == 1 ? x.at(0, k)
                                                            : x.at(k / columns, k % columns));
    return result;
  }

 private:
  double number_of(const Formula& f) {
    const Value x = value(f);
    REQUIRE((x.rows == 1 && x.columns == 1));
    return x.at(0, 0);
  }

  static int64_t common(int64_t a, int64_t b) {
    if (a == -1 || (a == 1 && b > 1)) return b;
    return a;
  }
  Value each(const std::vector<Value>& parts, const std::function<double(const std::vector<double>&)>& of) {
    Value result;
    for (const Value& part : parts) {
      result.rows = common(result.rows, part.rows);
      result.columns = common(result.columns, part.columns);
      if (part.rows == -1) result.rows = result.rows == 1 ? -1 : result.rows;
      if (part.columns == -1) result.columns = result.columns == 1 ? -1 : result.columns;
    }
    result.at = [parts, of](int64_t i, int64_t j) {
      std::vector<double> x;
      for (const Value& p : parts) x.push_back(p.at(p.rows == 1 ? 0 : i, p.columns == 1 ? 0 : j));
      return of(x);
    };
    return stored(result);
  }

  static Value product(const Value& a, const Value& b) {
    if ((a.rows == 1 && a.columns == 1) || (b.rows == 1 && b.columns == 1)) {
      const bool first = a.rows == 1 && a.columns == 1;
      const Value &s = first ? a : b, &m = first ? b : a;
      const double factor = s.at(0, 0);
      return {m.rows, m.columns, [factor, m](int64_t i, int64_t j) { return times(factor, m.at(i, j)); }};
    }
    const int64_t inner = a.columns >= 0 ? a.columns : b.rows;
    REQUIRE(inner >= 0);
    REQUIRE((b.rows == -1 || b.rows == inner));
    const int64_t rows = a.rows == -1 && a.columns == -1 ? inner : a.rows;
    const int64_t columns = b.columns == -1 ? inner : b.columns;
    return stored({rows, columns, [a, b, inner](int64_t i, int64_t j) {
                     double sum = 0;
                     for (int64_t k = 0; k < inner; ++k) sum += times(a.at(i, k), b.at(k, j));
                     return sum;
                   }});
  }

  Value value(const Formula& f) {
    std::vector<Value> parts;
    const auto all = [&] {
      for (const Formula& part : f->parts) parts.push_back(value(part));
    };
    switch (f->form) {
      case Form::number:
        return scalar(f->value);
      case Form::name: {
        const std::string key = text_writer().symbol(*f->symbol);
        INFO(key);
        REQUIRE(known.count(key));
        const Tensor& x = known.at(key);
        REQUIRE(x.shape.size() <= 2);
        const int64_t rows = x.shape.empty() ? 1 : x.shape[0], columns = x.shape.size() == 2 ? x.shape[1] : 1;
        return {rows, columns, [x, columns](int64_t i, int64_t j) {
                  return x.values.at(static_cast<size_t>(i * columns + j));
                }};
      }
      case Form::literal:
        if (f->text == "I") return {-1, -1, [](int64_t i, int64_t j) { return i == j ? 1.0 : 0.0; }};
        if (f->latex.starts_with("0_{"))
          return {std::stoll(f->latex.substr(3)), 1, [](int64_t, int64_t) { return 0.0; }};
        if (f->text.starts_with("(0…")) {
          const int64_t last = std::stoll(f->text.substr(std::string("(0…").size()));
          return {last + 1, 1, [](int64_t i, int64_t) { return static_cast<double>(i); }};
        }
        REQUIRE_MESSAGE(bound_.count(f->text), f->text);
        return scalar(static_cast<double>(bound_.at(f->text)));
      case Form::negative:
        all();
        return {parts[0].rows, parts[0].columns,
                [x = parts[0]](int64_t i, int64_t j) { return -x.at(i, j); }};
      case Form::sum:
        all();
        return each(parts, [](const std::vector<double>& x) {
          double sum = 0;
          for (const double one : x) sum += one;
          return sum;
        });
      case Form::hadamard:
        all();
        return each(parts, [](const std::vector<double>& x) {
          double product = 1;
          for (const double one : x) product = times(product, one);
          return product;
        });
      case Form::times: {
        all();
        Value result = parts[0];
        for (size_t i = 1; i < parts.size(); ++i) result = product(result, parts[i]);
        return result;
      }
      case Form::quotient:
        all();
        return each(parts, [](const std::vector<double>& x) { return x[0] / x[1]; });
      case Form::power:
        all();
        return each(parts, [](const std::vector<double>& x) { return std::pow(x[0], x[1]); });
      case Form::transpose:
        all();
        return {parts[0].columns, parts[0].rows, [x = parts[0]](int64_t i, int64_t j) { return x.at(j, i); }};
      case Form::tuple: {
        all();
        std::vector<double> values;
        for (const Value& part : parts) {
          REQUIRE(part.columns == 1);
          REQUIRE(part.rows > 0);
          for (int64_t i = 0; i < part.rows; ++i) values.push_back(part.at(i, 0));
        }
        return {static_cast<int64_t>(values.size()), 1,
                [values](int64_t i, int64_t) { return values.at(static_cast<size_t>(i)); }};
      }
      case Form::cases:
        all();
        return each(parts, [](const std::vector<double>& x) { return x[0] != 0 ? x[1] : x[2]; });
      case Form::matrix: {
        all();
        const auto columns = static_cast<int64_t>(f->value);
        return {static_cast<int64_t>(parts.size()) / columns, columns,
                [parts, columns](int64_t i, int64_t j) {
                  return parts.at(static_cast<size_t>(i * columns + j)).at(0, 0);
                }};
      }
      case Form::call:
      case Form::infix:
        all();
        return called(f->text, parts);
      case Form::index:
        return indexed(f);
      case Form::big: {
        REQUIRE(f->text == "Σ");
        double total = 0;
        sum_over(f, 1, total);
        return scalar(total);
      }
    }
    return scalar(0);
  }

  Value called(const std::string& name, const std::vector<Value>& x) {
    if (name.starts_with("diag("))
      return {x[0].rows, x[0].rows, [v = x[0]](int64_t i, int64_t j) { return i == j ? v.at(i, 0) : 0.0; }};
    if (name.starts_with("‖")) {
      double sum = 0;
      for (int64_t i = 0; i < x[0].rows; ++i) sum += x[0].at(i, 0) * x[0].at(i, 0);
      return scalar(name == "‖{0}‖²" ? sum : std::sqrt(sum));
    }
    if (name.starts_with("scatter(")) {  // into as many elements
      std::vector<double> sums(static_cast<size_t>(x[0].rows), 0.0);
      for (int64_t i = 0; i < x[0].rows; ++i) sums.at(static_cast<size_t>(x[1].at(i, 0))) += x[0].at(i, 0);
      return {x[0].rows, 1, [sums](int64_t i, int64_t) { return sums.at(static_cast<size_t>(i)); }};
    }
    if (name.starts_with("tr(")) {
      double sum = 0;
      for (int64_t i = 0; i < x[0].rows; ++i) sum += x[0].at(i, i);
      return scalar(sum);
    }
    using Function = double (*)(const std::vector<double>&);
    using In = const std::vector<double>&;
    static const std::map<std::string, Function> functions = {
        {"tanh({0})", [](In v) { return std::tanh(v[0]); }},
        {"sin({0})", [](In v) { return std::sin(v[0]); }},
        {"cos({0})", [](In v) { return std::cos(v[0]); }},
        {"exp({0})", [](In v) { return std::exp(v[0]); }},
        {"log({0})", [](In v) { return std::log(v[0]); }},
        {"σ({0})", [](In v) { return 1 / (1 + std::exp(-v[0])); }},
        {"softplus({0})", [](In v) { return std::log1p(std::exp(v[0])); }},
        {"√({0})", [](In v) { return std::sqrt(v[0]); }},
        {"|{0}|", [](In v) { return std::fabs(v[0]); }},
        {"sign({0})", [](In v) -> double { return (v[0] > 0) - (v[0] < 0); }},
        {"max({0}, {1})", [](In v) { return std::max(v[0], v[1]); }},
        {"min({0}, {1})", [](In v) { return std::min(v[0], v[1]); }},
        {"int({0})", [](In v) { return std::floor(v[0]); }},
        {"{0} < {1}", [](In v) -> double { return v[0] < v[1]; }},
        {"{0} > {1}", [](In v) -> double { return v[0] > v[1]; }},
        {"{0} ≤ {1}", [](In v) -> double { return v[0] <= v[1]; }},
        {"{0} ≥ {1}", [](In v) -> double { return v[0] >= v[1]; }},
        {"{0} = {1}", [](In v) -> double { return v[0] == v[1]; }},
        {"{0} ≠ {1}", [](In v) -> double { return v[0] != v[1]; }},
        {"{0} ∧ {1}", [](In v) -> double { return v[0] != 0 && v[1] != 0; }},
        {"{0} ∨ {1}", [](In v) -> double { return v[0] != 0 || v[1] != 0; }},
        {"[{0} = {1}]", [](In v) -> double { return v[0] == v[1]; }},
        {"[0 ≤ {0} < {1}]", [](In v) -> double { return 0 <= v[0] && v[0] < v[1]; }},
    };
    REQUIRE_MESSAGE(functions.count(name), name);
    return each(x, functions.at(name));
  }

  // Indices that are numbers, or slices of whole axes and parts of them.
  Value indexed(const Formula& f) {
    const Formula& base = f->parts[0];
    if (base->form == Form::literal && base->text == "e") {
      const double at = number_of(f->parts[1]);
      return {-1, 1, [at](int64_t i, int64_t) { return static_cast<double>(i) == at ? 1.0 : 0.0; }};
    }
    std::vector<int64_t> shape;
    std::function<double(const std::vector<int64_t>&)> element;
    if (base->form == Form::name) {
      const Tensor x = known.at(text_writer().symbol(*base->symbol));
      shape = x.shape;
      element = [x](const std::vector<int64_t>& at) {
        size_t k = 0;
        for (size_t axis = 0; axis < at.size(); ++axis) {
          // Beside an Iverson bracket that is 0 there.
          if (at[axis] < 0 || at[axis] >= x.shape[axis]) return 0.0;
          k = k * static_cast<size_t>(x.shape[axis]) + static_cast<size_t>(at[axis]);
        }
        return x.values.at(k);
      };
    } else {
      const Value x = value(base);
      shape = {x.rows};
      if (f->parts.size() == 3) shape.push_back(x.columns);
      element = [x](const std::vector<int64_t>& at) {
        const int64_t j = at.size() > 1 ? at[1] : 0;
        if (at[0] < 0 || j < 0 || (x.rows >= 0 && at[0] >= x.rows)) return 0.0;
        return x.rows == 1 && at.size() == 1 ? x.at(0, at[0]) : x.at(at[0], j);
      };
    }
    REQUIRE(shape.size() == f->parts.size() - 1);
    std::vector<int64_t> start, count;
    Value gathered;
    int gathers = -1;
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      const Formula& i = f->parts[1 + axis];
      if (i->form == Form::literal && i->text == ":") {
        start.push_back(0);
        count.push_back(shape[axis]);
      } else if (i->form == Form::call && i->text == ":{0}") {
        start.push_back(0);
        count.push_back(static_cast<int64_t>(number_of(i->parts[0])));
      } else if (i->form == Form::call && i->text == "{0}:{1}") {
        start.push_back(static_cast<int64_t>(number_of(i->parts[0])));
        count.push_back(static_cast<int64_t>(number_of(i->parts[1])) - start.back());
      } else {
        const Value x = value(i);
        const bool one = x.rows == 1 && x.columns == 1;
        if (!one) {
          gathered = x;
          gathers = static_cast<int>(axis);
        }
        start.push_back(one ? static_cast<int64_t>(x.at(0, 0)) : 0);
        count.push_back(one ? 0 : x.rows);
      }
    }
    std::vector<size_t> free;
    for (size_t axis = 0; axis < count.size(); ++axis)
      if (count[axis] > 0) free.push_back(axis);
    REQUIRE(free.size() <= 2);
    return {free.empty() ? 1 : count[free[0]], free.size() < 2 ? 1 : count[free[1]],
            [=](int64_t i, int64_t j) {
              std::vector<int64_t> at = start;
              if (!free.empty()) at[free[0]] += i;
              if (free.size() > 1) at[free[1]] += j;
              if (gathers >= 0) at[0] = static_cast<int64_t>(gathered.at(i, 0));
              return element(at);
            }};
  }

  void sum_over(const Formula& f, size_t which, double& total) {
    if (which == f->parts.size()) {
      total += number_of(f->parts[0]);
      return;
    }
    const std::string& letter = f->parts[which]->text;
    for (size_t later = which; later < f->parts.size(); ++later) bound_[f->parts[later]->text] = 0;
    const int64_t count = range_of(f->parts[0], letter);
    REQUIRE_MESSAGE(count > 0, letter);
    for (int64_t i = 0; i < count; ++i) {
      bound_[letter] = i;
      sum_over(f, which + 1, total);
    }
    bound_.erase(letter);
  }

  // The extent of an axis that an index runs over.
  int64_t range_of(const Formula& f, const std::string& letter) {
    if (f->form == Form::index) {
      for (size_t i = 1; i < f->parts.size(); ++i) {
        if (f->parts[i]->form != Form::literal || f->parts[i]->text != letter) continue;
        const Formula& base = f->parts[0];
        if (base->form == Form::name) return known.at(text_writer().symbol(*base->symbol)).shape.at(i - 1);
        if (base->form == Form::literal) continue;
        const Value x = value(base);
        const int64_t n = i == 1 ? x.rows : x.columns;
        if (n > 0) return n;
      }
    }
    if (f->form == Form::big)
      for (size_t i = 1; i < f->parts.size(); ++i) bound_[f->parts[i]->text] = 0;
    for (const Formula& part : f->parts)
      if (const int64_t n = range_of(part, letter); n > 0) return n;
    return 0;
  }

  std::map<std::string, int64_t> bound_;
};

}  // namespace nodec::notation::testing
