// Located arrays to the reals of a batch: lengths, padding, and the values' checks.
#include "runtime/binding.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <set>

#include "runtime/lengths.hpp"
#include "runtime/located.hpp"

namespace nodec::runtime {
namespace {

class Binder {
 public:
  Binder(const DataFile& file, const std::vector<Declared>& declared, const BindOptions& options)
      : file_(file), declared_(declared), options_(options) {}

  Result<Binding> run() {
    const Arrays* arrays = std::get_if<Arrays>(&file_.contents);
    located_ = arrays ? locate(file_.path, *arrays, declared_, errors_)
                      : locate(std::get<Table>(file_.contents), declared_, options_.columns, errors_);
    name_lengths();
    count_samples();
    if (arrays) read_length_arrays(*arrays);
    check_constant_extents();
    if (errors_.empty()) find_lengths();
    if (errors_.empty()) {
      for (const Located& located : located_) fill(located);
    }
    if (!errors_.empty()) return errors_;
    warn_of_extra_names(arrays);
    return std::move(binding_);
  }

 private:
  // ---- lengths
  void name_lengths() {
    std::set<std::string> seen;
    const auto add = [&](const std::string& name) {
      if (seen.insert(name).second) binding_.length_names.push_back(name);
    };
    for (const std::string& name : options_.lengths) add(name);
    for (const Declared& declared : declared_) {
      for (const Extent& extent : declared.shape) {
        for (const Extent::Term& term : extent.terms) {
          for (const std::string& name : term.lengths) add(name);
        }
      }
    }
  }

  void count_samples() {
    const Located* first = nullptr;
    for (const Located& located : located_) {
      if (located.shared) continue;
      const int64_t count = located.array->shape[0];
      if (!first) {
        first = &located;
        binding_.samples = count;
        if (count == 0) errors_.push_back(error(Problem::no_samples, file_.path, located.declared->name));
      } else if (count != binding_.samples) {
        errors_.push_back(error(Problem::sample_count, file_.path, located.declared->name, count,
                                first->declared->name, binding_.samples));
      }
    }
  }

  // Integer arrays that are named like a length.
  void read_length_arrays(const Arrays& arrays) {
    for (const std::string& name : binding_.length_names) {
      const Array* array = arrays.find(name);
      if (!array || is_declared(name)) continue;
      used_.insert(name);
      const bool by_sample =
          array->shape.size() == 1 && (binding_.samples == 0 || array->shape[0] == binding_.samples);
      if (!by_sample && !array->shape.empty()) {
        errors_.push_back(error(Problem::length_shape, file_.path, name, array->shape));
        continue;
      }
      if (by_sample && array->shape[0] == 0) {
        errors_.push_back(error(Problem::no_samples, file_.path, name));
        continue;
      }
      if (by_sample) binding_.samples = array->shape[0];
      std::vector<int64_t>& values = given_[name];
      for (int64_t s = 0; s < array->size(); ++s) {
        const std::optional<int64_t> value = array->integer(s);
        constexpr int64_t largest = std::numeric_limits<int32_t>::max();
        if (!value || *value < 0 || *value > largest) {
          errors_.push_back(error(Problem::length_range, file_.path, name, s, largest, array->real(s)));
          break;
        }
        values.push_back(*value);
      }
    }
  }

  bool is_declared(const std::string& name) const {
    return std::any_of(declared_.begin(), declared_.end(), [&](const Declared& d) { return d.name == name; });
  }

  // An axis that depends on no length is simply right or wrong.
  void check_constant_extents() {
    for (const Located& located : located_) {
      const std::vector<int64_t> shape = located.sample_shape();
      for (size_t a = 0; a < shape.size(); ++a) {
        const Extent& extent = located.declared->shape[a];
        if (!extent.is_constant()) continue;
        bool good = shape[a] == extent.evaluate({});
        if (a == 0) {
          for (const int64_t rows : located.rows) good = good && rows == extent.evaluate({});
        }
        if (good) continue;
        errors_.push_back(error(Problem::wrong_shape, file_.path, located.declared->name,
                                expected_shape(*located.declared, true), located.array->shape));
        break;
      }
    }
  }

  // The lengths that sample s is given, and those that its arrays have by their own shapes.
  Lengths given(int64_t s) const {
    Lengths lengths;
    for (const auto& [name, values] : given_)
      lengths[name] = values[values.size() == 1 ? 0 : static_cast<size_t>(s)];
    return lengths;
  }

  bool all_given(const Extent& extent) const {
    for (const Extent::Term& term : extent.terms) {
      for (const std::string& name : term.lengths) {
        if (!given_.count(name)) return false;
      }
    }
    return true;
  }

  std::vector<LengthEquation> equations(int64_t s) const {
    std::vector<LengthEquation> list;
    for (const Located& located : located_) {
      const std::vector<int64_t> shape = located.sample_shape();
      for (size_t a = 0; a < shape.size(); ++a) {
        const Extent& extent = located.declared->shape[a];
        if (extent.is_constant() || (!given_.empty() && all_given(extent))) continue;
        const int64_t value = a == 0 && !located.rows.empty() ? located.rows[s] : shape[a];
        list.push_back(
            {&extent, located.declared->name, static_cast<int64_t>(a) + located.sample_axes(), value});
      }
    }
    return list;
  }

  void find_lengths() {
    const int64_t samples = std::max<int64_t>(1, binding_.samples);
    const bool series =
        std::any_of(located_.begin(), located_.end(), [](const Located& l) { return !l.rows.empty(); });
    const bool ragged = !given_.empty() || series;
    std::map<std::vector<int64_t>, Lengths> solved;  // by what tells samples apart
    Lengths largest;
    for (int64_t s = 0; s < (ragged ? samples : 1); ++s) {
      std::vector<int64_t> key;
      for (const auto& [name, value] : given(s)) key.push_back(value);
      for (const Located& located : located_) {
        if (!located.rows.empty()) key.push_back(located.rows[s]);
      }
      auto found = solved.find(key);
      if (found == solved.end()) {
        Result<Lengths> lengths =
            solve_lengths(file_.path, equations(s), given(s), binding_.length_names, options_);
        if (!lengths) {
          errors_.insert(errors_.end(), lengths.errors().begin(), lengths.errors().end());
          return;
        }
        found = solved.emplace(std::move(key), std::move(*lengths)).first;
        for (const auto& [name, value] : found->second) largest[name] = std::max(largest[name], value);
      }
      sample_lengths_.push_back(found->second);
    }
    largest_ = largest;
    for (const std::string& name : binding_.length_names) {
      constexpr int64_t limit = std::numeric_limits<int32_t>::max();
      if (largest[name] > limit)
        errors_.push_back(error(Problem::length_range, file_.path, name, 0, limit, largest[name]));
      binding_.lengths.push_back(largest[name]);
    }
    if (solved.size() == 1) sample_lengths_.resize(1);
    if (sample_lengths_.size() == 1) return;
    for (const Lengths& lengths : sample_lengths_) {
      for (const std::string& name : binding_.length_names) {
        binding_.sample_lengths.push_back(static_cast<int32_t>(lengths.at(name)));
      }
    }
  }

  const Lengths& lengths_of(int64_t s) const { return sample_lengths_[sample_lengths_.size() == 1 ? 0 : s]; }

  // ---- values
  struct Context {
    const Located& located;
    BoundArray& bound;
    int64_t sample = 0;
    std::vector<int64_t> index;  // within the sample
    std::optional<std::pair<int64_t, int64_t>> bounds;
  };

  template <class... A>
  bool refuse(Problem problem, const Context& context, A&&... rest) {
    const std::string sample = context.located.shared ? "" : ", sample " + std::to_string(context.sample);
    Error e = error(problem, file_.path, context.located.declared->name, sample, element_text(context.index),
                    std::forward<A>(rest)...);
    e.line = context.located.line(context.sample, context.index.empty() ? 0 : context.index[0]);
    errors_.push_back(std::move(e));
    return false;
  }

  bool good(const Context& context, int64_t from) {
    const Array& array = *context.located.array;
    const double value = array.real(from);
    const bool twice = options_.double_precision;
    if (std::isnan(value) && !context.located.declared->missing)
      return refuse(Problem::missing_value, context);
    if (std::isinf(value)) return refuse(Problem::not_finite, context, value);
    if (context.located.declared->integer) {
      const std::optional<int64_t> integer = array.integer(from);
      if (!integer) return refuse(Problem::not_an_integer, context, value);
      if (context.bounds && (*integer < context.bounds->first || *integer >= context.bounds->second)) {
        return refuse(Problem::integer_range, context, context.bounds->first, context.bounds->second,
                      *integer);
      }
      const int64_t exact = int64_t{1} << (twice ? 53 : 24);
      if (*integer < -exact || *integer > exact)
        return refuse(Problem::not_exact, context, *integer, precision_name(twice));
    } else if (!twice && std::isinf(static_cast<float>(value))) {
      return refuse(Problem::overflow, context, value, precision_name(twice));
    }
    return true;
  }

  std::optional<std::vector<int64_t>> shape_with(const Declared& declared, const Lengths& lengths) const {
    std::vector<int64_t> shape;
    for (const Extent& extent : declared.shape) {
      const std::optional<int64_t> value = extent.evaluate(lengths);
      if (!value || *value < 0) return std::nullopt;
      shape.push_back(*value);
    }
    return shape;
  }

  void fill(const Located& located) {
    const Declared& declared = *located.declared;
    BoundArray& bound = binding_.arrays.emplace_back();
    bound.name = declared.name;
    bound.shared = located.shared;
    bound.shape = shape_with(declared, largest_).value_or(std::vector<int64_t>{-1});
    const std::vector<int64_t> source = located.sample_shape();
    std::vector<int64_t> whole = bound.shape;
    whole.insert(whole.begin(), located.shared ? 1 : binding_.samples);
    const std::optional<int64_t> count = element_count(whole), size = element_count(bound.shape);
    if (!count || !size) {
      errors_.push_back(error(Problem::array_too_large, file_.path, declared.name, whole));
      return;
    }
    bound.stride = located.shared ? 0 : *size;
    if (stays_mapped(located, bound, source)) {
      bound.values = Reals::of_mapped(*located.array, options_.double_precision);
      check_mapped(located, bound, source, *size);
      return;
    }
    // Before memory is taken: a length that a file gives may be any number.
    for (int64_t s = 0; s < whole[0]; ++s) {
      const std::optional<std::vector<int64_t>> own = own_shape(located, s);
      if (own && fits(*own, source, bound.shape)) continue;
      errors_.push_back(error(Problem::wrong_shape, file_.path, declared.name,
                              own ? Detail(*own).text + " or more in sample " + std::to_string(s)
                                  : expected_shape(declared, false),
                              located.array->shape));
      return;
    }
    bound.values = Reals(options_.double_precision, static_cast<size_t>(*count));
    for (int64_t s = 0; s < whole[0]; ++s) {
      const Lengths& lengths = located.shared ? largest_ : lengths_of(s);
      const std::vector<int64_t> own = *own_shape(located, s);
      Context context{located, bound, s, std::vector<int64_t>(source.size(), 0), std::nullopt};
      if (declared.bounds) {
        const std::optional<int64_t> low = declared.bounds->first.evaluate(lengths),
                                     high = declared.bounds->second.evaluate(lengths);
        if (low && high) context.bounds = {*low, *high};
      }
      if (!fill_sample(context, source, own, *size)) return;
      if (declared.monotone && !in_order(context, own)) return;
    }
  }

  std::optional<std::vector<int64_t>> own_shape(const Located& located, int64_t sample) const {
    return shape_with(*located.declared, located.shared ? largest_ : lengths_of(sample));
  }

  // Whether the array is read where it lies in its file: the numbers are those of the precision, or too many
  // to be converted here, and no sample is shorter than another.
  bool stays_mapped(const Located& located, const BoundArray& bound,
                    const std::vector<int64_t>& source) const {
    const Array& array = *located.array;
    const Element wanted = options_.double_precision ? Element::f64 : Element::f32;
    const bool large = static_cast<size_t>(array.size()) > options_.largest_copy / element_bytes(wanted);
    return array.mapping && (array.element == wanted || (large && !located.shared)) &&
           !located.declared->integer && located.rows.empty() && source == bound.shape &&
           sample_lengths_.size() <= 1;
  }

  // The checks of `good` and `in_order`, at the speed of the disk; an offending sample is left to them.
  void check_mapped(const Located& located, BoundArray& bound, const std::vector<int64_t>& source,
                    int64_t size) {
    const int64_t count = located.shared ? 1 : binding_.samples;
    Reals sample(options_.double_precision, static_cast<size_t>(size));
    for (int64_t s = 0; s < count; ++s) {
      bound.values.read(static_cast<size_t>(s * size), static_cast<size_t>(size), sample.data());
      // x − x is 0 for every finite x, and not a number otherwise.
      double sum = 0;
      for (size_t e = 0; e < static_cast<size_t>(size); ++e) sum += sample[e] - sample[e];
      const bool finite = sum == 0;
      if (finite && !located.declared->monotone) continue;
      Context context{located, bound, s, std::vector<int64_t>(source.size(), 0), std::nullopt};
      for (int64_t e = 0; !finite && e < size; ++e) {
        int64_t rest = e;
        for (size_t a = source.size(); a-- > 0; rest /= source[a]) context.index[a] = rest % source[a];
        if (!good(context, s * size + e)) return;
      }
      if (located.declared->monotone && !in_order(context, source)) return;
    }
  }

  static bool fits(const std::vector<int64_t>& own, const std::vector<int64_t>& source,
                   const std::vector<int64_t>& target) {
    for (size_t a = 0; a < own.size(); ++a) {
      if (own[a] > source[a] || own[a] > target[a]) return false;
    }
    return true;
  }

  // Copies one sample; elements beyond its own extents repeat the last one, so that they are finite, in range
  // and in order.
  bool fill_sample(Context& context, const std::vector<int64_t>& source, const std::vector<int64_t>& own,
                   int64_t size) {
    const int64_t to = context.sample * context.bound.stride;
    const int64_t from = context.located.shared ? 0 : context.sample * *element_count(source);
    if (std::find(own.begin(), own.end(), 0) != own.end()) {
      const double nothing = context.bounds ? static_cast<double>(context.bounds->first) : 0;
      for (int64_t e = 0; e < size; ++e) context.bound.values.set(static_cast<size_t>(to + e), nothing);
      return true;
    }
    std::vector<int64_t> target_index(own.size(), 0);
    for (int64_t e = 0; e < size; ++e) {
      int64_t element = 0;
      for (size_t a = 0; a < own.size(); ++a) {
        context.index[a] = std::min(target_index[a], own[a] - 1);
        element = element * source[a] + context.index[a];
      }
      if (!good(context, from + element)) return false;
      context.bound.values.set(static_cast<size_t>(to + e), context.located.array->real(from + element));
      for (size_t a = own.size(); a-- > 0 && ++target_index[a] == context.bound.shape[a];)
        target_index[a] = 0;
    }
    return true;
  }

  bool in_order(Context& context, const std::vector<int64_t>& own) {
    if (own.size() != 1) return true;
    const int64_t first = context.sample * context.bound.stride;
    int direction = 0;
    for (int64_t i = 1; i < own[0]; ++i) {
      const double before = context.bound.values[static_cast<size_t>(first + i - 1)];
      const double here = context.bound.values[static_cast<size_t>(first + i)];
      const int step = (here > before) - (here < before);
      if (step != 0 && step == -direction) {
        const std::string sample = context.located.shared ? "" : ", sample " + std::to_string(context.sample);
        Error e =
            error(Problem::not_monotone, file_.path, context.located.declared->name, sample, here, before, i);
        e.line = context.located.line(context.sample, i);
        errors_.push_back(std::move(e));
        return false;
      }
      if (step != 0) direction = step;
    }
    return true;
  }

  void warn_of_extra_names(const Arrays* arrays) {
    std::vector<std::string> wanted;
    for (const Declared& declared : declared_) wanted.push_back(declared.name);
    for (const auto& [name, columns] : options_.columns) {
      if (!arrays && !is_declared(name)) {
        binding_.warnings.push_back(error(Problem::extra_array, file_.path, name, suggestion(name, wanted)));
      }
    }
    if (!arrays) return;  // a table may hold columns for other uses
    uint64_t extra = 0;
    for (const std::string& name : arrays->names()) {
      if (is_declared(name) || used_.count(name) || ++extra > most_extra_names) continue;
      binding_.warnings.push_back(error(Problem::extra_array, file_.path, name, suggestion(name, wanted)));
    }
    if (extra > most_extra_names)
      binding_.warnings.push_back(error(Problem::more_extra_arrays, file_.path, extra - most_extra_names));
  }

  const DataFile& file_;
  const std::vector<Declared>& declared_;
  const BindOptions& options_;
  std::vector<Located> located_;
  std::map<std::string, std::vector<int64_t>>
      given_;  // lengths from integer arrays: of each sample, or one for all
  std::set<std::string> used_;
  std::vector<Lengths> sample_lengths_;  // one entry when all samples agree
  Lengths largest_;
  Binding binding_;
  Errors errors_;
};

}  // namespace

Result<Binding> bind(const DataFile& file, const std::vector<Declared>& declared,
                     const BindOptions& options) {
  try {
    return Binder(file, declared, options).run();
  } catch (const std::bad_alloc&) {
    return error(Problem::out_of_memory, file.path, "its arrays");
  }
}

}  // namespace nodec::runtime
