// Arrays by path to the parameter vector and back.
#include "runtime/weights.hpp"

#include <cmath>
#include <new>
#include <set>

#include "runtime/constraint.hpp"
#include "runtime/formats.hpp"

namespace nodec::runtime {
namespace {

// Reads one parameter; the first value that it may not have is an error.
void load(const std::string& file, const Array& array, const Parameter& parameter, Weights& weights,
          Errors& errors) {
  for (int64_t i = 0; i < parameter.size; ++i) {
    const double value = array.real(i);
    const Interval& interval = parameter.interval;
    if (!std::isfinite(value)) {
      errors.push_back(
          error(Problem::weight_not_finite, file, parameter.path, element_text(i, parameter.shape), value));
      return;
    }
    if (!(value > interval.low && value < interval.high)) {
      errors.push_back(error(Problem::weight_interval, file, parameter.path, element_text(i, parameter.shape),
                             interval.low, interval.high, value));
      return;
    }
    weights.values[static_cast<size_t>(parameter.offset + i)] = value;
  }
}

}  // namespace

Result<Weights> load_weights(const std::string& file, const Arrays& arrays, const ParameterLayout& layout) {
  Weights weights;
  weights.values.assign(static_cast<size_t>(parameter_count(layout)), 0);
  Errors errors;
  std::set<std::string> known;
  std::vector<std::string> paths;
  const std::vector<std::string> names = arrays.names();
  for (const Parameter& parameter : layout) {
    known.insert(parameter.path);
    paths.push_back(parameter.path);
    const Array* array = arrays.find(parameter.path);
    if (!array) {
      errors.push_back(error(Problem::missing_weight, file, parameter.path, suggestion(parameter.path, names),
                             parameter.shape));
    } else if (array->shape != parameter.shape) {
      errors.push_back(
          error(Problem::wrong_weight_shape, file, parameter.path, parameter.shape, array->shape));
    } else {
      load(file, *array, parameter, weights, errors);
    }
  }
  if (!errors.empty()) return errors;
  uint64_t extra = 0;
  for (const std::string& name : names) {
    if (known.count(name) || ++extra > most_extra_names) continue;
    weights.warnings.push_back(error(Problem::extra_weight, file, name, suggestion(name, paths)));
  }
  if (extra > most_extra_names)
    weights.warnings.push_back(error(Problem::more_extra_arrays, file, extra - most_extra_names));
  return weights;
}

Result<Weights> read_weights(const std::string& path, const ParameterLayout& layout) {
  const std::string format = extension(path);
  if (format != ".npz" && format != ".safetensors") {
    return error(Problem::unknown_format, path, format, ".safetensors or .npz");
  }
  Result<Arrays> arrays = read_arrays(path);
  if (!arrays) return arrays.errors();
  return load_weights(path, *arrays, layout);
}

Arrays store_weights(const std::vector<double>& values, const ParameterLayout& layout,
                     bool double_precision) {
  Arrays arrays;
  for (const Parameter& parameter : layout) {
    Reals reals(double_precision, static_cast<size_t>(parameter.size));
    for (int64_t i = 0; i < parameter.size; ++i) {
      const double value = values[static_cast<size_t>(parameter.offset + i)];
      // A value next to an end must not be rounded onto it, or the file could not be read back.
      reals.set(static_cast<size_t>(i), round_inside(value, parameter.interval, double_precision));
    }
    arrays.add(parameter.path, reals.array(parameter.shape));
  }
  return arrays;
}

Result<Done> write_weights(const std::string& path, const std::vector<double>& values,
                           const ParameterLayout& layout, bool double_precision) {
  const std::string format = extension(path);
  if (format != ".npz" && format != ".safetensors") {
    return error(Problem::unknown_format, path, format, ".safetensors or .npz");
  }
  return write_arrays(path, store_weights(values, layout, double_precision));
}

}  // namespace nodec::runtime
