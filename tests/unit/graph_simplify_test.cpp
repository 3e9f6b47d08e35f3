#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <random>

#include "compiler/graph/algebra.hpp"
#include "compiler/graph/evaluate.hpp"
#include "compiler/graph/op.hpp"

using namespace nodec::graph;

namespace {

const Extent T = Extent::length("T");
constexpr int64_t T_value = 4;

Type real(std::vector<Extent> shape) { return {std::move(shape)}; }

// Random calls of the builders. What a call gives is compared with the same call on opaque leaves that hold
// its operands' values: there nothing simplifies but what the call itself shows.
class Calls {
 public:
  explicit Calls(int seed) : engine_(seed) {
    sample_.lengths["T"] = T_value;
    for (int i = 0; i < 3; ++i) values_.push_back(leaf(random_shape()));
  }

  void run(int count) {
    for (int i = 0; i < count; ++i) {
      switch (pick(12)) {
        case 0:
        case 1:
          elementwise();
          break;
        case 2:
          choose();
          break;
        case 3:
          contract();
          break;
        case 4:
          values_.push_back(constant());
          break;
        case 5:
          reshape();
          break;
        case 6:
          concat();
          break;
        case 7:
          index();
          break;
        case 8:
          reduce();
          break;
        default:
          view();
      }
    }
  }

 private:
  using Build = std::function<Ref(const std::vector<Ref>&)>;

  int pick(int n) { return std::uniform_int_distribution<int>(0, n - 1)(engine_); }
  int64_t number(const Extent& e) const { return e.evaluate(sample_.lengths); }
  Extent random_extent() {
    const Extent choices[] = {1, 2, 3, T, 2, 1, 3, T + Extent(1)};
    return choices[pick(8)];
  }
  std::vector<Extent> random_shape() {
    std::vector<Extent> shape(pick(4));
    for (Extent& e : shape) e = random_extent();
    return shape;
  }
  Ref random_value() {
    if (pick(4) == 0) return values_.back();
    return values_[values_.size() - 1 - pick(static_cast<int>(std::min<size_t>(values_.size(), 6)))];
  }

  Ref leaf(const std::vector<Extent>& shape) {
    std::uniform_real_distribution<double> values(-2, 2);
    Tensor tensor{{}, {}};
    int64_t size = 1;
    for (const Extent& e : shape) {
      tensor.shape.push_back(number(e));
      size *= number(e);
    }
    for (int64_t i = 0; i < size; ++i) tensor.values.push_back(values(engine_));
    return opaque(real(shape), tensor);
  }

  Ref opaque(const Type& type, const Tensor& value) {
    std::string name = "x";
    name += std::to_string(leaves_++);
    sample_.data[name] = value;
    return g_.data(name, type, false);
  }

  Ref constant() {
    const double choices[] = {0, 1, -1, 2, 0.5, 3};
    auto shape = random_shape();
    bool written_out = pick(3) == 0;
    int64_t size = 1;
    for (const Extent& e : shape) {
      written_out = written_out && e.is_constant();
      size *= number(e);
    }
    if (!written_out) return g_.constant(choices[pick(6)], real(shape));
    std::vector<double> values;
    for (int64_t i = 0; i < size; ++i) values.push_back(choices[pick(6)]);
    return g_.constant(values, real(shape));
  }

  // The values, where they are known without the builder.
  void check_values(Ref got, const std::vector<double>& expected) {
    Tensor tensor = evaluate(got, sample_);
    REQUIRE(tensor.values.size() == expected.size());
    for (size_t i = 0; i < expected.size(); ++i) CHECK(tensor.values[i] == expected[i]);
  }

  double product(Ref a, Ref b) {
    Tensor x = evaluate(a, sample_), y = evaluate(b, sample_);
    double sum = 0;
    for (size_t i = 0; i < x.values.size(); ++i) sum += x.values[i] * y.values[i];
    return sum;
  }

  void check(const std::vector<Ref>& operands, const Build& build) {
    Ref simplified = build(operands);
    std::vector<Ref> opened;
    for (Ref operand : operands) opened.push_back(opaque(operand->type, evaluate(operand, sample_)));
    Ref plain = build(opened);
    CHECK(simplified->type == plain->type);
    std::string text = print(std::vector<Output>{{"simplified", simplified}, {"plain", plain}});
    CAPTURE(text);
    CHECK(verify(g_, std::vector<Output>{{"simplified", simplified}}) == "");
    Tensor got = evaluate(simplified, sample_), expected = evaluate(plain, sample_);
    REQUIRE(got.shape == expected.shape);
    bool small = true;
    for (size_t i = 0; i < got.values.size(); ++i) {
      CHECK(got.values[i] == doctest::Approx(expected.values[i]).epsilon(1e-12));
      small = small && std::fabs(expected.values[i]) < 1e6;
    }
    if (small && got.values.size() < 2000 && simplified->type.rank() < 5) values_.push_back(simplified);
  }

  void elementwise() {
    const char* binary[] = {"add", "sub", "mul", "min", "max", "add", "mul"};
    const char* unary[] = {"neg", "abs", "relu", "tanh", "stop_gradient", "neg"};
    Ref a = random_value(), b = random_value();
    std::vector<Extent> shape;
    if (pick(3) == 0) {
      const Op& f = op(unary[pick(6)]);
      check({a}, [&](auto& x) { return g_.map(f, {x[0]}); });
    } else if (pick(5) == 0) {
      Ref c = g_.constant(std::ldexp(pick(2) ? 1 : -1, pick(5) - 2));
      check({a, c}, [&](auto& x) { return div(g_, x[0], x[1]); });
    } else if (broadcast_shapes(a->type.shape, b->type.shape, shape)) {
      const char* f = binary[pick(7)];
      check({a, b}, [&](auto& x) { return apply(g_, f, {x[0], x[1]}); });
    }
  }

  void choose() {
    Ref a = random_value();
    Ref b = pick(3) == 0 ? a : g_.constant(pick(3) - 1, a->type);
    Ref bound = g_.constant(pick(3) - 1, a->type);
    int form = pick(4);
    check({a, b, bound}, [&](auto& x) {
      Ref condition = apply(g_, "less", {form == 0 ? x[2] : x[0], x[2]});
      if (form == 1) condition = g_.map(op("not"), {condition});
      if (form == 2) condition = g_.map(op("and"), {condition, g_.constant(1, condition->type)});
      return where(g_, condition, x[0], x[1]);
    });
  }

  void contract() {
    int count = 1 + pick(3);
    std::vector<Ref> operands;
    std::vector<std::string> labels;
    std::vector<std::pair<char, Extent>> known;
    for (int i = 0; i < count; ++i) {
      operands.push_back(random_value());
      labels.emplace_back();
      for (const Extent& extent : operands.back()->type.shape) {
        char label = 0;
        for (auto& [name, e] : known) {
          if (e == extent && pick(2)) label = name;
        }
        if (label == 0) {
          label = static_cast<char>('a' + known.size());
          known.emplace_back(label, extent);
        }
        labels.back() += label;
      }
    }
    std::shuffle(known.begin(), known.end(), engine_);
    std::string result;
    for (auto& [name, e] : known) {
      if (pick(2) && result.size() < 3) result += name;
    }
    check(operands, [&](auto& x) { return g_.contract(labels, result, x); });
  }

  void reshape() {
    Ref a = random_value();
    std::vector<Extent> shape;
    if (pick(2)) {
      for (const Extent& e : a->type.shape) {
        while (pick(3) == 0) shape.emplace_back(1);
        if (e != Extent(1) || pick(2)) shape.push_back(e);
      }
    } else {
      shape = {a->type.size()};
    }
    check({a}, [&](auto& x) { return g_.reshape(x[0], shape); });
    check_values(g_.reshape(a, shape), evaluate(a, sample_).values);
  }

  void concat() {
    Ref a = random_value();
    if (a->type.rank() == 0) return;
    int axis = pick(a->type.rank());
    Extent extent = a->type.shape[axis];
    if (pick(2) && extent.is_constant() &&
        extent.value() > 0) {  // slices put together again, or in another order
      int64_t n = extent.value();
      bool backward = pick(3) == 0;
      check({a}, [&](auto& x) {
        std::vector<Ref> parts;
        for (int64_t i = 0; i < n; ++i) parts.push_back(slice(g_, x[0], axis, backward ? n - 1 - i : i, 1));
        return g_.concat(parts, axis);
      });
    } else {
      Ref b = pick(2) ? a : g_.constant(0, a->type);
      check({a, b}, [&](auto& x) { return g_.concat({x[0], x[1], x[0]}, axis); });
    }
  }

  void index() {
    Ref a = random_value();
    if (a->type.rank() == 0) return;
    // Each axis by an affine index over a new shape, in range by construction.
    std::vector<Extent> shape = a->type.shape;
    bool scatter = pick(2);
    bool reverse = pick(2);
    auto indices = [&](const std::vector<Extent>& over) {
      std::vector<Ref> found;
      for (size_t k = 0; k < shape.size(); ++k) {
        Ref i = expand(g_, g_.iota(shape[k]), {static_cast<int>(k)}, over);
        if (reverse) i = apply(g_, "sub", {g_.length(shape[k] - Extent(1), Base::sample), i});
        found.push_back(i);
      }
      return found;
    };
    // Reversed along every axis, the row-major order is reversed.
    std::vector<double> values = evaluate(a, sample_).values;
    if (reverse) std::reverse(values.begin(), values.end());
    check_values(scatter ? g_.scatter_add(a, indices(shape), shape) : g_.gather(a, indices(shape)), values);
    check({a}, [&](auto& x) {
      return scatter ? g_.scatter_add(x[0], indices(shape), shape) : g_.gather(x[0], indices(shape));
    });
  }

  void reduce() {
    Ref a = random_value();
    std::vector<int> axes;
    for (int axis = 0; axis < a->type.rank(); ++axis) {
      if (pick(2)) axes.push_back(axis);
    }
    auto reduction = static_cast<Reduction>(pick(3));
    if (reduction == Reduction::prod && a->type.rank() > 1) return;
    check({a}, [&](auto& x) { return g_.reduce(x[0], reduction, axes); });
  }

  // Axes in any order, repeated, dropped at an index, sliced, reversed, padded, at a run-time offset; or its
  // transpose.
  void view() {
    Ref a = random_value();
    View view;
    view.fill = pick(3) == 0;
    std::vector<Extent> shape;
    std::vector<Ref> offsets;
    for (const Extent& extent : a->type.shape) {
      AxisMap axis;
      int64_t n = number(extent);
      if (n == 0) return;
      int axis_number = static_cast<int>(shape.size());
      switch (pick(7)) {
        case 0:
          axis.offset = pick(static_cast<int>(std::min<int64_t>(n, 2)));
          if (axis.offset == Extent(1) && !(extent - Extent(2)).nonnegative()) axis.offset = 0;
          break;
        case 1:
          shape.push_back(extent);
          axis = {extent - Extent(1), {{axis_number, -1}}, 0};
          break;
        case 2:
          if (view.fill) {
            shape.push_back(extent + Extent(pick(3)));
            axis = {pick(4) - 2, {{axis_number, 1}}, 0};
          } else if (n > 1) {
            shape.push_back(extent - Extent(1));
            axis = {pick(2), {{axis_number, 1}}, 0};
          }
          break;
        case 3:
          if (!view.fill) {
            axis.dynamic = static_cast<int>(offsets.size()) + 1;
            Tensor offset = Tensor::scalar(static_cast<double>(pick(static_cast<int>(n))));
            offsets.push_back(opaque({{}, Element::integer}, offset));
          }
          break;
        default:
          shape.push_back(extent);
          axis.terms = {{axis_number, 1}};
      }
      view.axes.push_back(axis);
    }
    while (pick(3) == 0 && shape.size() < 4) shape.push_back(random_extent());
    std::vector<int> order(shape.size());
    std::iota(order.begin(), order.end(), 0);
    if (pick(2)) std::shuffle(order.begin(), order.end(), engine_);
    std::vector<Extent> permuted(shape.size());
    for (size_t i = 0; i < order.size(); ++i) permuted[order[i]] = shape[i];
    for (AxisMap& axis : view.axes) {
      for (auto& term : axis.terms) term.first = order[term.first];
    }
    check({a}, [&](auto& x) { return g_.view(x[0], view, permuted, offsets); });
    if (!view.fill && pick(2)) {
      Ref updates = pick(2) ? values_.back() : leaf(permuted);
      if (updates->type.shape != permuted) return;
      check({updates}, [&](auto& x) { return g_.place(x[0], view, a->type.shape, offsets); });
      // ⟨place u, x⟩ = ⟨u, view x⟩
      Ref placed = g_.place(updates, view, a->type.shape, offsets);
      double left = product(placed, a), right = product(updates, g_.view(a, view, permuted, offsets));
      CHECK(left == doctest::Approx(right).epsilon(1e-10));
    }
  }

  Graph g_;
  Environment sample_;
  std::vector<Ref> values_;
  std::mt19937 engine_;
  int leaves_ = 0;
};

}  // namespace

TEST_CASE("what the builders simplify has the value of what was asked for") {
  for (int seed = 0; seed < 1000; ++seed) {
    CAPTURE(seed);
    Calls(seed).run(30);
  }
}
