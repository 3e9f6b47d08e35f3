// Random expressions: reverse against forward mode, and both against finite differences of the evaluator.
#include <algorithm>

#include "compiler/derive/derive.hpp"
#include "tests/unit/solve_fixtures.hpp"

using namespace nodec::testing;
using namespace nodec::derive;

namespace {

using Engine = std::mt19937_64;

// A leaf that may have the type: only data have lengths. Its value stands under both.
Ref make_leaf(Graph& g, const std::string& name, const Type& type) {
  const bool fixed =
      std::all_of(type.shape.begin(), type.shape.end(), [](const Extent& e) { return e.is_constant(); });
  return fixed ? g.parameter(name, type) : g.data(name, type, false);
}
void set(Environment& sample, const std::string& name, const Tensor& value) {
  sample.parameters[name] = value;
  sample.data[name] = value;
}

// An expression of every family of nodes over a few leaves, some extents 0, 1 or a length.
class Generator {
 public:
  Generator(Graph& g, uint64_t seed) : g_(g), engine_(seed) {
    sample_.lengths["T"] = static_cast<int64_t>(pick(4));
    for (int i = 0; i < 4; ++i) {
      Type type;
      for (size_t axis = pick(4); axis > 0; --axis) type.shape.push_back(extent());
      const std::string name = "p" + std::to_string(i);
      leaf(name, type);
    }
    for (int i = 0; i < 12; ++i) grow();
  }

  std::vector<Ref> leaves;
  Environment sample_;

  Ref result() const { return nodes_.back(); }
  // One more leaf.
  Ref more(const std::string& name, const Type& type) {
    leaf(name, type);
    return leaves.back();
  }

 private:
  size_t pick(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(engine_); }
  Ref any() { return nodes_[nodes_.size() - 1 - std::min(pick(6), nodes_.size() - 1)]; }
  Extent extent() {
    switch (pick(8)) {
      case 0:
        return 1;
      case 1:
        return Extent::length("T");
      case 2:
        return pick(3) == 0 ? 0 : 4;
      default:
        return 2 + static_cast<int64_t>(pick(2));
    }
  }
  void leaf(const std::string& name, const Type& type) {
    Tensor value{{}, {}};
    int64_t size = 1;
    for (const Extent& e : type.shape) {
      value.shape.push_back(e.evaluate(sample_.lengths));
      size *= value.shape.back();
    }
    std::normal_distribution<double> normal;
    for (int64_t i = 0; i < size; ++i) value.values.push_back(normal(engine_));
    leaves.push_back(make_leaf(g_, name, type));
    set(sample_, name, value);
    nodes_.push_back(leaves.back());
  }

  Ref positive(Ref x) { return add(g_, apply(g_, "softplus", {x}), g_.constant(0.3)); }

  Ref unary(Ref x) {
    static const char* const names[] = {"sin", "cos",      "tanh", "sigmoid", "softplus", "relu",
                                        "elu", "abs",      "atan", "erf",     "exp",      "sinh",
                                        "neg", "softplus", "log",  "sqrt",    "lgamma",   "log1p"};
    const std::string name = names[pick(std::size(names))];
    if (name == "exp" || name == "sinh") return apply(g_, name, {apply(g_, "tanh", {x})});
    if (name == "log" || name == "sqrt" || name == "lgamma" || name == "log1p")
      return apply(g_, name, {positive(x)});
    return apply(g_, name, {x});
  }

  Ref binary(Ref a, Ref b) {
    switch (pick(8)) {
      case 0:
        return add(g_, a, b);
      case 1:
        return sub(g_, a, b);
      case 2:
        return mul(g_, a, b);
      case 3:
        return div(g_, a, positive(b));
      case 4:
        return apply(g_, "max", {a, b});
      case 5:
        return apply(g_, "atan2", {a, positive(b)});
      case 6:
        return apply(g_, "pow", {positive(a), apply(g_, "tanh", {b})});
      default: {
        std::vector<Extent> shape;
        broadcast_shapes(a->type.shape, b->type.shape, shape);
        const Ref x = broadcast(g_, a, shape), y = broadcast(g_, b, shape);
        return where(g_, apply(g_, "less", {x, y}), mul(g_, x, x), apply(g_, "sin", {y}));
      }
    }
  }

  // Labels drawn for each axis from those of equal extent, or a new one.
  Ref contraction(Ref a, Ref b) {
    std::vector<std::pair<char, Extent>> labels;
    std::vector<std::string> words;
    for (Ref x : {a, b}) {
      std::string word;
      for (const Extent& e : x->type.shape) {
        std::vector<char> fitting;
        for (const auto& [label, size] : labels)
          if (size == e) fitting.push_back(label);
        if (fitting.empty() || pick(4) == 0) {
          fitting = {static_cast<char>('a' + labels.size())};
          labels.emplace_back(fitting[0], e);
        }
        word += fitting[pick(fitting.size())];
      }
      words.push_back(word);
    }
    std::string result;
    for (const auto& [label, size] : labels)
      if (pick(2) && result.size() < 3) result += label;
    std::shuffle(result.begin(), result.end(), engine_);
    return g_.contract(words, result, {a, b});
  }

  Ref index_map(Ref x) {
    const int rank = x->type.rank();
    if (rank == 0) return expand(g_, x, {}, {extent()});
    const int axis = static_cast<int>(pick(static_cast<size_t>(rank)));
    const Extent& size = x->type.shape[static_cast<size_t>(axis)];
    switch (pick(6)) {
      case 0:
        return pad(g_, x, axis, 1, static_cast<int64_t>(pick(2)));
      case 1:
        return size.is_constant() && size.value() > 1 ? slice(g_, x, axis, 1, size - 1) : x;
      case 2: {
        std::vector<int> order;
        for (int i = 0; i < rank; ++i) order.push_back(i);
        std::shuffle(order.begin(), order.end(), engine_);
        return transpose(g_, x, order);
      }
      case 3:
        return g_.reshape(x, {x->type.size()});
      case 4: {  // every second element, backwards, and one that is outside
        View view;
        for (int i = 0; i < rank; ++i) view.axes.push_back({0, {{i, 1}}, 0});
        view.axes[static_cast<size_t>(axis)] = {size, {{axis, -2}}, 0};
        view.fill = true;
        return g_.view(x, view, x->type.shape);
      }
      default: {  // rows by computed indices
        if (rank != 1 || !size.is_constant() || size.value() == 0) return x;
        const Ref index = apply(g_, "modulo",
                                {mul(g_, to_real(g_, g_.iota(4)), g_.constant(3.0)),
                                 g_.constant(static_cast<double>(size.value()))});
        const Ref whole = apply(g_, "to_integer", {index});
        return pick(2) ? g_.gather(x, {whole})
                       : g_.scatter_add(
                             x,
                             {apply(g_, "to_integer",
                                    {apply(g_, "modulo", {to_real(g_, g_.iota(size)), g_.constant(2.0)})})},
                             {3});
      }
    }
  }

  Ref reduction(Ref x) {
    const int rank = x->type.rank();
    if (rank == 0) return x;
    std::vector<int> axes;
    bool empty = false;
    for (int i = 0; i < rank; ++i)
      if (axes.empty() || pick(2)) {
        axes.push_back(i);
        empty = empty || x->type.shape[static_cast<size_t>(i)].evaluate(sample_.lengths) == 0;
      }
    static const Reduction kinds[] = {Reduction::max, Reduction::min, Reduction::prod};
    const Reduction kind = kinds[pick(3)];
    return empty && kind != Reduction::prod ? sum(g_, x, axes) : g_.reduce(x, kind, axes);
  }

  void grow() {
    const Ref a = any(), b = any();
    std::vector<Extent> shape;
    Ref x = a;
    switch (pick(6)) {
      case 0:
        x = unary(a);
        break;
      case 1:
        x = broadcast_shapes(a->type.shape, b->type.shape, shape) ? binary(a, b) : unary(b);
        break;
      case 2:
        x = contraction(a, b);
        break;
      case 3:
        x = index_map(a);
        break;
      case 4:
        x = reduction(a);
        break;
      default:
        if (a->type.rank() > 0)
          x = g_.concat({a, unary(a)}, static_cast<int>(pick(static_cast<size_t>(a->type.rank()))));
    }
    if (x->type.rank() > 4) x = sum(g_, x, {0, 1});
    // Bounded, so that finite differences mean something.
    nodes_.push_back(pick(3) ? x : apply(g_, "tanh", {x}));
  }

  Graph& g_;
  Engine engine_;
  std::vector<Ref> nodes_;
};

Tensor random_like(const Tensor& x, Engine& engine) {
  Tensor result = x;
  std::normal_distribution<double> normal;
  for (double& value : result.values) value = normal(engine);
  return result;
}

double inner(const Tensor& a, const Tensor& b) {
  double sum = 0;
  REQUIRE(a.shape == b.shape);
  for (size_t i = 0; i < a.values.size(); ++i) sum += a.values[i] * b.values[i];
  return sum;
}

}  // namespace

TEST_CASE("random expressions: reverse, forward, whole Jacobian and finite differences agree") {
  int informative = 0;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    INFO("seed " << seed);
    Graph g;
    Generator made(g, seed);
    const Ref e = made.result();
    Environment sample = made.sample_;
    Engine engine(seed + 1000);

    std::vector<Ref> tangents;
    std::map<std::string, Tensor> direction;
    for (size_t i = 0; i < made.leaves.size(); ++i) {
      const std::string name = "v" + std::to_string(i), leaf = made.leaves[i]->as<Leaf>().name;
      tangents.push_back(make_leaf(g, name, made.leaves[i]->type));
      direction[leaf] = random_like(sample.parameters[leaf], engine);
      set(sample, name, direction[leaf]);
    }
    const Tensor value = evaluate(e, sample);
    const Tensor weights = random_like(value, engine);
    const Ref cotangent = make_leaf(g, "u", e->type);
    set(sample, "u", weights);

    Refusal refusal;
    const Ref tangent = jvp(g, {e}, made.leaves, tangents, &refusal)[0];
    const std::vector<Ref> pulled = vjp(g, {e}, {cotangent}, made.leaves, &refusal);
    REQUIRE_MESSAGE(!refusal, refusal.message);
    CHECK(verify(g, std::vector<Output>{{"e", e}, {"tangent", tangent}, {"pulled", pulled[0]}}) == "");

    const double forward = inner(weights, evaluate(tangent, sample));
    double reverse = 0, whole = 0, size = 0;
    for (size_t i = 0; i < made.leaves.size(); ++i) {
      const std::string leaf = made.leaves[i]->as<Leaf>().name;
      REQUIRE(pulled[i]->type == made.leaves[i]->type);
      const Tensor bar = evaluate(pulled[i], sample);
      reverse += inner(bar, direction[leaf]);
      for (size_t k = 0; k < bar.values.size(); ++k)
        size += std::abs(bar.values[k] * direction[leaf].values[k]);

      const Ref matrix = jacobian(g, e, made.leaves[i], &refusal);
      REQUIRE_MESSAGE(!refusal, refusal.message);
      const Tensor dense = evaluate(matrix, sample);
      const size_t rows = weights.values.size(), columns = direction[leaf].values.size();
      REQUIRE(dense.values.size() == rows * columns);
      for (size_t row = 0; row < rows; ++row)
        for (size_t column = 0; column < columns; ++column)
          whole +=
              weights.values[row] * dense.values[row * columns + column] * direction[leaf].values[column];
    }
    const double differences = slope([&](double step) {
      Environment moved = sample;
      for (const auto& [name, v] : direction) {
        Tensor value = moved.parameters[name];
        for (size_t k = 0; k < v.values.size(); ++k) value.values[k] += step * v.values[k];
        set(moved, name, value);
      }
      return inner(weights, evaluate(e, moved));
    });
    const double scale = std::max({size, std::abs(forward), 1e-3});
    CHECK(std::abs(forward - reverse) <= 1e-12 * scale);
    CHECK(std::abs(whole - reverse) <= 1e-12 * scale);
    INFO(reverse << " against " << differences);
    CHECK(std::abs(differences - reverse) <= 1e-6 * scale);
    informative += size > 1e-6;
  }
  CHECK(informative > 200);
}

// A field over x: what a random expression gives, mixed onto x's shape by a random matrix, bent, and gated by
// x.
Ref random_field(Graph& g, Generator& made, uint64_t seed) {
  const Ref x = made.leaves[0], r = made.result();
  std::vector<Extent> shape = x->type.shape;
  shape.insert(shape.end(), r->type.shape.begin(), r->type.shape.end());
  const Ref mixing = made.more("mixing", {shape, Element::real});
  std::string all;
  for (size_t axis = 0; axis < shape.size(); ++axis) all += static_cast<char>('a' + axis);
  const size_t own = x->type.shape.size();
  const Ref mixed = g.contract({all, all.substr(own)}, all.substr(0, own), {mixing, r});
  switch (seed % 4) {
    case 0:
      return apply(g, "tanh", {mixed});
    case 1:
      return mul(g, mixed, apply(g, "sigmoid", {x}));
    case 2:
      return add(g, x, apply(g, "sin", {add(g, x, mixed)}));
    default:
      return where(g, apply(g, "less", {x, mixed}), mul(g, mixed, mixed), apply(g, "exp", {x}));
  }
}

TEST_CASE("1000 random fields: the exact trace is the sum of forward derivatives along each axis") {
  int informative = 0;
  for (uint64_t seed = 1; seed <= 1000; ++seed) {
    INFO("seed " << seed);
    Graph g;
    Generator made(g, seed);
    const Ref x = made.leaves[0], field = random_field(g, made, seed);
    Refusal refusal;
    const Ref trace = divergence(g, field, x, &refusal);
    const Ref direction = make_leaf(g, "direction", x->type);
    const Ref moved = jvp(g, {field}, {x}, {direction}, &refusal)[0];
    REQUIRE_MESSAGE(!refusal, refusal.message);
    Tensor unit = made.sample_.parameters["p0"];
    std::fill(unit.values.begin(), unit.values.end(), 0.0);
    double expected = 0, size = 1e-3;
    for (size_t i = 0; i < unit.values.size(); ++i) {
      unit.values[i] = 1;
      set(made.sample_, "direction", unit);
      for (const double y : evaluate(moved, made.sample_).values) size += std::abs(y);
      expected += evaluate(moved, made.sample_).values[i];
      unit.values[i] = 0;
    }
    INFO(evaluate(trace, made.sample_).values[0] << " against " << expected);
    CHECK(std::abs(evaluate(trace, made.sample_).values[0] - expected) <= 1e-12 * size);
    informative += std::abs(expected) > 0.01;
  }
  CHECK(informative > 600);
}

TEST_CASE(
    "random fields: the estimate from scaled unit vectors is the exact trace, that from one vector vᵀ J v") {
  int informative = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    Graph g;
    Generator made(g, seed);
    const Ref x = made.leaves[0], field = random_field(g, made, seed);
    const size_t n = made.sample_.parameters["p0"].values.size();
    if (n == 0) continue;
    Type several = x->type;
    if (n > 1) several.shape.insert(several.shape.begin(), Extent(static_cast<int64_t>(n)));
    const Ref units = make_leaf(g, "units", several), direction = make_leaf(g, "direction", x->type);
    Refusal refusal;
    const Ref trace = divergence(g, field, x, &refusal);
    const Ref whole = estimated_divergence(g, {field}, {x}, {units}, static_cast<int64_t>(n), &refusal);
    const Ref one = estimated_divergence(g, {field}, {x}, {direction}, 1, &refusal);
    const Ref moved = jvp(g, {field}, {x}, {direction}, &refusal)[0];
    REQUIRE_MESSAGE(!refusal, refusal.message);
    Tensor v = made.sample_.parameters["p0"], scaled{v.shape, std::vector<double>(n * n, 0.0)};
    if (n > 1) scaled.shape.insert(scaled.shape.begin(), static_cast<int64_t>(n));
    for (size_t i = 0; i < n; ++i) scaled.values[i * n + i] = std::sqrt(static_cast<double>(n));
    for (size_t i = 0; i < n; ++i) v.values[i] = std::cos(1.3 * static_cast<double>(i + seed));
    set(made.sample_, "units", scaled);
    set(made.sample_, "direction", v);
    const std::vector<double> slope = evaluate(moved, made.sample_).values;
    double expected = 0, size = 1e-3;
    for (size_t i = 0; i < n; ++i)
      expected += v.values[i] * slope[i], size += std::abs(v.values[i] * slope[i]);
    CHECK(std::abs(evaluate(one, made.sample_).values[0] - expected) <= 1e-11 * size);
    const double exact = evaluate(trace, made.sample_).values[0];
    CHECK(evaluate(whole, made.sample_).values[0] == doctest::Approx(exact).epsilon(1e-11));
    informative += std::abs(exact) > 0.01;
  }
  CHECK(informative > 150);
}

TEST_CASE("random square expressions: the divergence is the trace of the Jacobian") {
  int informative = 0;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    INFO("seed " << seed);
    Graph g;
    Generator made(g, seed);
    const Ref x = made.leaves[0];
    // Of x's shape: x · Σ e + sin x, and what e itself gives where it fits.
    Ref e = add(g, mul(g, x, sum_all(g, made.result())), apply(g, "sin", {x}));
    if (made.result()->type == x->type) e = add(g, e, made.result());
    Refusal refusal;
    const Ref matrix = jacobian(g, e, x, &refusal), trace = divergence(g, e, x, &refusal);
    REQUIRE_MESSAGE(!refusal, refusal.message);
    const Tensor dense = evaluate(matrix, made.sample_);
    const size_t n = made.sample_.parameters["p0"].values.size();
    double expected = 0, size = 1e-3;
    for (size_t i = 0; i < n; ++i) {
      expected += dense.values[i * n + i];
      size += std::abs(dense.values[i * n + i]);
    }
    CHECK(std::abs(evaluate(trace, made.sample_).values[0] - expected) <= 1e-12 * size);
    informative += size > 0.1;
  }
  CHECK(informative > 75);
}
