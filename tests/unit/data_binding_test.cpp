// Tables and the binding of arrays to declarations: shapes, lengths, samples, and the errors that name what
// is wrong.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "runtime/binding.hpp"
#include "runtime/formats.hpp"

namespace nodec::runtime {
namespace {

using Shape = std::vector<int64_t>;
using Values = std::vector<double>;

const Extent T = Extent::length("T");
Extent plus(const Extent& a, int64_t n) {
  Extent sum = a;
  sum.terms.push_back({n, {}});
  return sum;
}
Extent times(int64_t n, const Extent& a) {
  Extent product = a;
  for (Extent::Term& term : product.terms) term.coefficient *= n;
  return product;
}

Array array(Shape shape, const Values& values) {
  return Array::of(std::move(shape), std::span<const double>(values));
}
Array integers(Shape shape, const std::vector<int64_t>& values) {
  return Array::of(std::move(shape), std::span<const int64_t>(values));
}
Values ramp(int64_t n, double first = 0) {
  Values values;
  for (int64_t i = 0; i < n; ++i) values.push_back(first + static_cast<double>(i));
  return values;
}

DataFile archive(std::vector<std::pair<std::string, Array>> list) {
  Arrays arrays;
  for (auto& [name, value] : list) arrays.add(name, std::move(value));
  return {"d.npz", std::move(arrays)};
}
DataFile table(const std::string& text) {
  Result<Table> read = read_table("d.csv", text);
  REQUIRE_MESSAGE(read, read.errors()[0].message());
  return {"d.csv", std::move(*read)};
}

Values values(const BoundArray& bound) {
  Values list;
  for (size_t i = 0; i < bound.values.size(); ++i) list.push_back(bound.values[i]);
  return list;
}

Binding good(const DataFile& file, const std::vector<Declared>& declared, const BindOptions& options = {}) {
  Result<Binding> binding = bind(file, declared, options);
  REQUIRE_MESSAGE(binding, binding.errors()[0].message());
  return std::move(*binding);
}
std::string failure(const DataFile& file, const std::vector<Declared>& declared,
                    const BindOptions& options = {}) {
  const Result<Binding> binding = bind(file, declared, options);
  return binding ? "" : binding.errors()[0].message();
}
std::string table_failure(const std::string& text) {
  const Result<Table> read = read_table("d.csv", text);
  return read ? "" : read.errors()[0].message();
}

const Declared t{"t", {T}}, y{"y", {T, 2}}, k{"k", {}};

TEST_CASE("rank decides: arrays with and without a sample axis") {
  const Binding binding =
      good(archive({{"t", array({3}, ramp(3))}, {"y", array({2, 3, 2}, ramp(12))}}), {t, y});
  CHECK(binding.samples == 2);
  CHECK(binding.length_names == std::vector<std::string>{"T"});
  CHECK(binding.lengths == Shape{3});
  CHECK(binding.sample_lengths.empty());
  CHECK(binding.arrays[0].shared);
  CHECK(binding.arrays[0].stride == 0);
  CHECK_FALSE(binding.arrays[1].shared);
  CHECK(binding.arrays[1].stride == 6);
  CHECK(binding.arrays[1].shape == Shape{3, 2});
  CHECK(values(binding.arrays[1]) == ramp(12));
  CHECK(binding.warnings.empty());
}

TEST_CASE("no sample axis at all") {
  const Binding binding = good(archive({{"t", array({3}, ramp(3))}}), {t});
  CHECK(binding.samples == 0);
}

TEST_CASE("lengths are solved from affine extents, in any order") {
  const Declared u{"u", {plus(times(2, T), 1), Extent::length("N")}};
  const Binding binding = good(archive({{"u", array({7, 4}, ramp(28))}, {"t", array({3}, ramp(3))}}), {u, t});
  CHECK(binding.length_names == std::vector<std::string>{"T", "N"});
  CHECK(binding.lengths == Shape{3, 4});
  CHECK(failure(archive({{"u", array({8, 4}, ramp(32))}}), {u}) ==
        "d.npz: array 'u', axis 0: no length T gives 2*T + 1 = 8");
}

TEST_CASE("lengths of compound atoms come from the caller") {
  const Declared h{"h", {Extent::length("T//2")}};
  BindOptions options;
  options.derived = [](const std::string& atom, const Lengths& lengths) -> std::optional<int64_t> {
    const auto found = lengths.find("T");
    if (atom != "T//2" || found == lengths.end()) return std::nullopt;
    return found->second / 2;
  };
  CHECK(good(archive({{"h", array({2}, ramp(2))}, {"t", array({5}, ramp(5))}}), {h, t}, options).lengths ==
        Shape{2, 5});
  CHECK(failure(archive({{"h", array({3}, ramp(3))}, {"t", array({5}, ramp(5))}}), {h, t}, options) != "");
}

TEST_CASE("lengths by sample: an integer array named like the length") {
  const double junk = std::numeric_limits<double>::quiet_NaN();
  const Binding binding = good(
      archive({{"t", array({2, 4}, {0, 1, 2, junk, 5, 6, junk, junk})}, {"T", integers({2}, {3, 2})}}), {t});
  CHECK(binding.samples == 2);
  CHECK(binding.lengths == Shape{3});
  CHECK(binding.sample_lengths == std::vector<int32_t>{3, 2});
  CHECK(values(binding.arrays[0]) == Values{0, 1, 2, 5, 6, 6});
  CHECK(binding.warnings.empty());
  CHECK(failure(archive({{"t", array({2, 4}, ramp(8))}, {"T", integers({2}, {3, 5})}}), {t})
            .find("d.npz: array 't': expected shape [5] or more in sample 1, found [2, 4]") == 0);
  // No memory is taken for what the array does not have.
  CHECK(failure(archive({{"t", array({2, 4}, ramp(8))}, {"T", integers({2}, {3, 1000000000})}}), {t})
            .find("d.npz: array 't': expected shape [1000000000] or more in sample 1, found [2, 4]") == 0);
  CHECK(failure(archive({{"t", array({2, 4}, ramp(8))}, {"T", integers({2}, {3, -1})}}), {t}) ==
        "d.npz: array 'T', sample 1: expected a length from 0 to 2147483647, found -1");
  CHECK(failure(archive({{"t", array({2, 4}, ramp(8))}, {"T", integers({3}, {1, 1, 1})}}), {t}) ==
        "d.npz: array 'T' gives lengths: expected one integer per sample, found shape [3]");
}

TEST_CASE("a sample of length zero") {
  const Binding binding = good(archive({{"t", array({2, 2}, ramp(4))}, {"T", integers({2}, {0, 2})}}), {t});
  CHECK(values(binding.arrays[0]) == Values{0, 0, 2, 3});
}

TEST_CASE("shapes that disagree name both arrays") {
  CHECK(failure(archive({{"t", array({3}, ramp(3))}, {"y", array({4, 2}, ramp(8))}}), {t, y}) ==
        "d.npz: array 'y', axis 0: expected T = 3, as array 't' says, found 4");
  CHECK(failure(archive({{"y", array({4, 3}, ramp(12))}}), {y}) ==
        "d.npz: array 'y': expected shape [T, 2] or [samples, T, 2], found [4, 3]");
  CHECK(failure(archive({{"y", array({4}, ramp(4))}}), {y}) ==
        "d.npz: array 'y': expected shape [T, 2] or [samples, T, 2], found [4]");
  CHECK(failure(archive({{"t", array({2, 3}, ramp(6))}, {"k", array({3}, ramp(3))}}), {t, k}) ==
        "d.npz: array 'k' has 3 samples, but array 't' has 2");
  CHECK(failure(archive({{"k", array({0}, {})}}), {k}) == "d.npz: array 'k' has no samples");
}

TEST_CASE("missing and extra names") {
  CHECK(failure(archive({{"tt", array({3}, ramp(3))}, {"times", array({3}, ramp(3))}}), {{"time", {T}}}) ==
        "d.npz: array 'time' is missing (did you mean 'times'?): expected shape [T] or [samples, T]");
  const Binding binding = good(archive({{"t", array({3}, ramp(3))}, {"yy", array({3}, ramp(3))}}), {t});
  REQUIRE(binding.warnings.size() == 1);
  CHECK(binding.warnings[0].message() == "d.npz: array 'yy' is not used by the model");
  const Result<Binding> several = bind(archive({}), {t, y}, {});
  REQUIRE_FALSE(several);
  CHECK(several.errors().size() == 2);
}

TEST_CASE("a length that no array gives") {
  const Declared product{"p", {Extent(std::vector<Extent::Term>{{1, {"N", "M"}}})}};
  CHECK(failure(archive({{"p", array({6}, ramp(6))}}), {product}) ==
        "d.npz: length 'N' is not determined by any array");
}

TEST_CASE("values that are missing or not finite") {
  const double inf = std::numeric_limits<double>::infinity();
  CHECK(failure(archive({{"y", array({2, 1, 2}, {1, 2, 3, NAN})}}), {y}) ==
        "d.npz: array 'y', sample 1, element [0, 1]: the value is missing");
  CHECK(failure(archive({{"t", array({2}, {1, -inf})}}), {t}) ==
        "d.npz: array 't', element [1]: expected a finite number, found -inf");
  BindOptions single;
  single.double_precision = false;
  CHECK(failure(archive({{"t", array({1}, {1e39})}}), {t}, single) ==
        "d.npz: array 't', element [0]: 1e+39 is too large for f32");
  CHECK(good(archive({{"t", array({1}, {0.1})}}), {t}, single).arrays[0].values[0] == 0.1f);
}

TEST_CASE("integers: range, exactness, fractions") {
  Declared label{"label", {}, true, std::pair<Extent, Extent>{0, 10}};
  CHECK(values(good(archive({{"label", integers({3}, {0, 9, 4})}}), {label}).arrays[0]) == Values{0, 9, 4});
  CHECK(values(good(archive({{"label", array({1}, {7})}}), {label}).arrays[0]) == Values{7});
  CHECK(failure(archive({{"label", integers({3}, {0, 10, 4})}}), {label}) ==
        "d.npz: array 'label', sample 1: expected an integer in 0..10, found 10");
  CHECK(failure(archive({{"label", array({1}, {1.5})}}), {label}) ==
        "d.npz: array 'label', sample 0: expected an integer, found 1.5");
  label.bounds.reset();
  BindOptions single;
  single.double_precision = false;
  const DataFile big = archive({{"label", integers({1}, {16777217})}});
  CHECK(failure(big, {label}, single) == "d.npz: array 'label', sample 0: 16777217 is not exact in f32");
  CHECK(failure(big, {label}).empty());
  Declared bounded{"i", {T}, true, std::pair<Extent, Extent>{0, T}};
  CHECK(failure(archive({{"i", integers({3}, {0, 1, 3})}}), {bounded}) ==
        "d.npz: array 'i', element [2]: expected an integer in 0..3, found 3");
}

TEST_CASE("constants of the model have no sample axis") {
  const Declared a{"A", {2, 2}, false, std::nullopt, true};
  CHECK(good(archive({{"A", array({2, 2}, ramp(4))}}), {a}).arrays[0].shared);
  CHECK(failure(archive({{"A", array({1, 2, 2}, ramp(4))}}), {a}) ==
        "d.npz: array 'A': expected shape [2, 2], the same for all samples, found [1, 2, 2]");
}

TEST_CASE("times must be in order, either way") {
  Declared times = t;
  times.monotone = true;
  for (const Values& order : {Values{0, 1, 1, 2}, Values{3, 2, 2, 0}, Values{1, 1, 1, 1}}) {
    CHECK(failure(archive({{"t", array({4}, order)}}), {times}).empty());
  }
  CHECK(failure(archive({{"t", array({2, 3}, {0, 1, 2, 0, 2, 1})}}), {times}) ==
        "d.npz: array 't', sample 1: expected times in order, found 1 after 2 at element 2");
}

TEST_CASE("csv: one series of rows is one sample without a sample axis") {
  const Binding binding = good(table("t,y[0],y[1]\n0,1,2\n1,3,4\n2,5,6\n"), {t, y});
  CHECK(binding.samples == 0);
  CHECK(binding.lengths == Shape{3});
  CHECK(values(binding.arrays[1]) == Values{1, 2, 3, 4, 5, 6});
}

TEST_CASE("csv: columns by --columns") {
  BindOptions options;
  options.columns = *parse_columns({"t=year,y=hare,lynx"});
  const Binding binding = good(table("year,lynx,hare\r\n1900,4,30\r\n1901,6.1,47.2\r\n"), {t, y}, options);
  CHECK(values(binding.arrays[0]) == Values{1900, 1901});
  CHECK(values(binding.arrays[1]) == Values{30, 4, 47.2, 6.1});
  CHECK(binding.warnings.empty());
  options.columns = *parse_columns({"t=year", "y=hare,lnx"});
  CHECK(failure(table("year,lynx,hare\n1,2,3\n"), {t, y}, options) ==
        "d.csv:1: array 'y': column 'lnx' is missing (did you mean 'lynx'?)");
  CHECK(parse_columns({"hare"}).errors()[0].message() == "cannot read 'hare': expected NAME=COLUMN,COLUMN,…");
  CHECK_FALSE(parse_columns({"y="}));
  options.columns = *parse_columns({"t=year", "y=hare,lynx,year"});
  CHECK(failure(table("year,lynx,hare\n1,2,3\n"), {t, y}, options) ==
        "d.csv:1: array 'y' of shape [2] does not fit the table: expected 3 elements");
}

TEST_CASE("csv: series of different lengths, with a constant column for a scalar") {
  const Binding binding =
      good(table("series,t,y[0],y[1],k\nb,0,1,2,7\na,0,3,4,8\nb,1,5,6,7\nb,2,7,8,7\n"), {t, y, k});
  CHECK(binding.samples == 2);
  CHECK(binding.lengths == Shape{3});
  CHECK(binding.sample_lengths == std::vector<int32_t>{3, 1});
  CHECK(values(binding.arrays[0]) == Values{0, 1, 2, 0, 0, 0});
  CHECK(values(binding.arrays[1]) == Values{1, 2, 5, 6, 7, 8, 3, 4, 3, 4, 3, 4});
  CHECK(values(binding.arrays[2]) == Values{7, 8});
  CHECK(failure(table("series,t,k\nb,0,1\na,0,3\nb,1,2\n"), {t, k}) ==
        "d.csv:4: array 'k': expected one value per series, found 1 and 2 in series 'b'");
}

TEST_CASE("csv: a scalar of one series is constant over the table") {
  CHECK(values(good(table("t,k\n0,7\n1,7\n"), {t, k}).arrays[1]) == Values{7});
  CHECK(failure(table("t,k\n0,7\n1,8\n"), {t, k}) ==
        "d.csv:3: array 'k': expected one value per table, found 7 and 8 in the table");
}

TEST_CASE("csv: without an array that begins with a length every row is a sample") {
  const Binding binding = good(table("x[0],x[1],k\n1,2,3\n4,5,6\n"), {{"x", {2}}, k});
  CHECK(binding.samples == 2);
  CHECK(values(binding.arrays[0]) == Values{1, 2, 4, 5});
  CHECK(values(binding.arrays[1]) == Values{3, 6});
}

TEST_CASE("csv: errors name line and column") {
  CHECK(failure(table("t,y[0],y[1]\n0,1,2\n\n1,,4\n"), {t, y}) ==
        "d.csv:4: array 'y', element [1, 0]: the value is missing");
  CHECK(failure(table("t,y[0],y[1]\n0,1,2\n1,abc,4\n"), {t, y}) ==
        "d.csv:3: column 'y[0]': expected a number, found 'abc'");
  CHECK(failure(table("series,t\na,0\nb,0\nb,nan\n"), {t}) ==
        "d.csv:4: array 't', sample 1, element [1]: the value is missing");
  CHECK(failure(table("t,note\n0,a\n1,b\n"), {t}).empty());
  CHECK(failure(table("t,y[0],y[2]\n0,1,2\n"), {t, y}) == "d.csv:1: array 'y': column 'y[1]' is missing");
  CHECK(failure(table("t,y[0],y[1]\n0,1,2\n"), {t, {"z", {T}}}) ==
        "d.csv: array 'z' is missing: expected shape [T]; of the columns 't', 'y[0]', 'y[1]', "
        "z=COLUMN,COLUMN,… names its own (behind --columns, or in the prompt behind the file)");
  CHECK(failure(table("t,y[0],\"y[1,0]\"\n0,1,2\n"), {t, y}) ==
        "d.csv:1: column 'y[1,0]': its number of indices differs from the others'");
  CHECK(failure(table("t,y[0],y[1],y[2]\n0,1,2,3\n"), {t, y}).find("expected shape [T, 2]") !=
        std::string::npos);
}

TEST_CASE("csv: text") {
  CHECK(table_failure("") == "d.csv: no header line");
  CHECK(table_failure("t,y\n") == "d.csv: no rows below the header");
  CHECK(table_failure("t,y\n1\n") == "d.csv:2: expected 2 cells, as the header has, found 1");
  CHECK(table_failure("t,y\n1,2,\n") == "d.csv:2: expected 2 cells, as the header has, found 3");
  CHECK(table_failure("t,t\n1,2\n") == "d.csv:1: column 't' occurs twice");
  CHECK(table_failure("t\n\"1\n") == "d.csv:2: a quoted cell is not closed");
  CHECK(table_failure("t,y\n1,2\n3,\"4\n5,6\n") == "d.csv:3: a quoted cell is not closed");
  CHECK(table_failure("t,y\n\"1,2\n") == "d.csv:2: a quoted cell is not closed");  // not: one cell
  CHECK(table_failure("t,\"y\n1,2\n") == "d.csv:1: a quoted cell is not closed");
  const DataFile file = table("\xef\xbb\xbf\"θ\" , \"a \"\"b\"\"\nc\",x\n+1 , 2 ,1e400\n\n3,4,1e-400\r\n");
  const Table& read = std::get<Table>(file.contents);
  CHECK(read.columns[0].name == "θ");
  CHECK(read.columns[1].name == "a \"b\"\nc");
  CHECK(read.columns[0].values == Values{1, 3});
  CHECK(read.columns[2].values == Values{std::numeric_limits<double>::infinity(), 0});
  CHECK(read.lines == Shape{3, 5});
}

TEST_CASE("csv: any text is a table or an error") {
  const std::string seed = "series,t,\"y\"\"[0]\"\r\na,1e5,-2\n\"b\",,nan\n";
  for (size_t i = 0; i < seed.size(); ++i) {
    for (int c = 0; c < 256; ++c) {
      std::string text = seed;
      text[i] = static_cast<char>(c);
      const Result<Table> result = read_table("d.csv", text);
      if (result) {
        const DataFile file{"d.csv", *result};
        const Result<Binding> binding = bind(file, {t, {"y", {T, 1}}}, {});
        if (!binding) CHECK_FALSE(binding.errors().empty());
      }
    }
  }
}

TEST_CASE("csv: written and read back") {
  Arrays arrays;
  arrays.add("z", array({2, 2, 2}, {1, 2, 3, 4, 5, 6, NAN, 0.1}));
  arrays.add("loss", array({2}, {0.5, 0.25}));
  const Result<std::string> text = write_csv("o.csv", arrays, {true, {"z"}});
  REQUIRE(text);
  CHECK(*text == "series,z[0],z[1],loss\n0,1,2,0.5\n0,3,4,0.5\n1,5,6,0.25\n1,nan,0.1,0.25\n");
  Arrays flat;
  const float w[] = {0.1f, 2};
  flat.add("w", Array::of({2}, std::span<const float>(w)));
  flat.add("n", integers({2}, {3, 4}));
  CHECK(*write_csv("o.csv", flat, {true, {}}) == "w,n\n0.1,3\n2,4\n");
  CHECK(*write_csv("o.csv", flat, {false, {}}) == "w[0],w[1],n[0],n[1]\n0.1,2,3,4\n");
  CHECK(*write_csv("o.csv", flat, {false, {"w", "n"}}) == "w,n\n0.1,3\n2,4\n");
  Arrays uneven;
  uneven.add("a", array({2}, {1, 2}));
  uneven.add("b", array({3}, {1, 2, 3}));
  const Result<std::string> refused = write_csv("o.csv", uneven, {false, {"a", "b"}});
  REQUIRE_FALSE(refused);
  CHECK(refused.errors()[0].message() ==
        "o.csv: array 'b' of shape [3] does not fit the table: expected 2 rows");
}

}  // namespace
}  // namespace nodec::runtime
