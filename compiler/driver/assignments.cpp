// NAME=… of the command line -> names and numbers.
#include "compiler/driver/assignments.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <sstream>

#include "compiler/driver/arguments.hpp"

namespace nodec::driver {
namespace {

std::optional<double> finite(const std::string& word) {
  char* end = nullptr;
  const double value = std::strtod(word.c_str(), &end);
  if (word.empty() || *end != '\0' || !std::isfinite(value)) return {};
  return value;
}

struct Assignment {
  std::string name;
  std::vector<std::string> words;
};
std::optional<Assignment> split(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) return {};
  Assignment out{text.substr(0, equals), {}};
  std::stringstream rest(text.substr(equals + 1));
  for (std::string word; std::getline(rest, word, ',');) out.words.push_back(word);
  return out;
}

}  // namespace

std::optional<std::map<std::string, std::vector<double>>> parse_sets(const std::vector<std::string>& texts) {
  std::map<std::string, std::vector<double>> all;
  for (const std::string& text : texts) {
    const std::optional<Assignment> set = split(text);
    if (!set) {
      usage_error("--set takes NAME=VALUE,VALUE…, not '" + text + "'");
      return {};
    }
    if (set->words.empty()) {
      usage_error("--set " + set->name + " takes at least one number");
      return {};
    }
    if (all.contains(set->name)) {
      usage_error("--set " + set->name + " is given twice");
      return {};
    }
    std::vector<double>& values = all[set->name];
    for (const std::string& word : set->words) {
      const std::optional<double> value = finite(word);
      if (!value) {
        usage_error("--set " + set->name + " takes finite numbers, not '" + word + "'");
        return {};
      }
      values.push_back(*value);
    }
  }
  return all;
}

std::optional<Array> of_shape(const Description& d, const std::vector<double>& values) {
  const int64_t count = static_cast<int64_t>(values.size());
  std::vector<int64_t> shape = d.shape;
  int64_t size = 1, lengths = 0;
  for (const int64_t n : shape) n < 0 ? ++lengths : size *= n;
  if (lengths == 1 && size > 0 && count % size == 0) {
    std::replace(shape.begin(), shape.end(), int64_t{-1}, count / size);
    return Array{shape, values};
  }
  if (lengths == 0 && size == count) return Array{shape, values};
  usage_error("--set " + d.name + " takes " + (lengths > 0 ? "a multiple of " : "") + std::to_string(size) +
              " number" + (size == 1 ? "" : "s") + " (" + d.type + "), not " + std::to_string(count));
  return {};
}

std::optional<std::vector<Grid>> parse_grids(const std::vector<std::string>& texts) {
  std::vector<Grid> all;
  for (const std::string& text : texts) {
    const std::optional<Assignment> grid = split(text);
    if (!grid || grid->words.empty()) {
      usage_error("--grid takes NAME=LOW:HIGH,LOW:HIGH…, not '" + text + "'");
      return {};
    }
    for (const Grid& other : all)
      if (other.name == grid->name) {
        usage_error("--grid " + grid->name + " is given twice");
        return {};
      }
    all.push_back({grid->name, {}});
    for (const std::string& word : grid->words) {
      const size_t colon = word.find(':');
      const std::optional<double> low = finite(word.substr(0, colon));
      const std::optional<double> high =
          colon == std::string::npos ? std::nullopt : finite(word.substr(colon + 1));
      if (!low || !high || !(*low < *high)) {
        usage_error("--grid " + grid->name + " takes LOW:HIGH with LOW < HIGH, not '" + word + "'");
        return {};
      }
      all.back().intervals.push_back({*low, *high});
    }
  }
  return all;
}

}  // namespace nodec::driver
