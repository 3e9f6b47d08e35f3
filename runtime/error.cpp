// A problem and its details to the text that a user reads.
#include "runtime/error.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <span>

namespace nodec::runtime {
namespace {

constexpr ProblemText problems[] = {
#define PROBLEM(id, wording) {#id, wording},
#include "runtime/errors.def"
#undef PROBLEM
};

// Optimal string alignment over bytes: insertions, deletions, substitutions and swaps of neighbors cost one
// each.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

bool same_but_for_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

const ProblemText& problem(Problem id) { return problems[static_cast<size_t>(id)]; }
int problem_count() { return static_cast<int>(std::size(problems)); }

std::string Error::message() const {
  std::string place = file;
  if (!file.empty() && line > 0) place += ":" + std::to_string(line);
  return place.empty() ? text : place + ": " + text;
}

Detail::Detail(double x) {
  char digits[32];
  text.assign(digits, std::to_chars(digits, digits + sizeof digits, x).ptr);
}

Detail::Detail(const std::vector<int64_t>& shape) {
  text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  text += "]";
}

Error make_error(Problem id, std::string file, int64_t line, std::vector<Detail> details) {
  const std::string_view wording = problem(id).wording;
  std::string text;
  size_t next = 0;
  for (size_t i = 0; i < wording.size(); ++i) {
    if (wording.substr(i, 2) == "{}" && next < details.size()) {
      text += details[next++].text;
      ++i;
    } else {
      text += wording[i];
    }
  }
  return {id, std::move(file), line, std::move(text)};
}

std::string element_text(const std::vector<int64_t>& index) {
  return index.empty() ? "" : ", element " + Detail(index).text;
}

std::string element_text(int64_t number, const std::vector<int64_t>& shape) {
  std::vector<int64_t> index(shape.size(), 0);
  for (size_t a = shape.size(); a-- > 0; number /= shape[a]) index[a] = number % shape[a];
  return element_text(index);
}

std::string suggestion(std::string_view name, const std::vector<std::string>& candidates) {
  // Names from a file may be of any length and number; the distance of two long ones is not worth its
  // quadratic cost.
  constexpr size_t longest = 256, most = 10'000;
  if (name.size() > longest) return "";
  const size_t limit = name.size() / 3;
  std::string_view best;
  size_t best_distance = limit + 1;
  for (const std::string& candidate : std::span(candidates).first(std::min(candidates.size(), most))) {
    if (candidate == name || candidate.size() > longest) continue;
    const size_t longer = std::max(candidate.size(), name.size());
    const bool same = same_but_for_case(name, candidate);
    if (!same && longer - std::min(candidate.size(), name.size()) > limit) continue;
    if (const size_t d = same ? 0 : distance(name, candidate); d < best_distance) {
      best = candidate;
      best_distance = d;
    }
  }
  return best.empty() ? "" : " (did you mean '" + std::string(best) + "'?)";
}

}  // namespace nodec::runtime
