// A misspelt word and the known ones to the word that was meant.
#include <algorithm>

#include "compiler/source/diagnostics.hpp"
#include "compiler/source/utf8.hpp"

namespace nodec::source {
namespace {

// Bytes; the distance takes the product of two lengths.
constexpr size_t longest_word = 256;

std::u32string decode(std::string_view text) {
  std::u32string points;
  for (size_t byte = 0; byte < text.size();) {
    const CodePoint point = code_point_at(text, byte);
    points += point.value;
    byte += point.length;
  }
  return points;
}

// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbors cost one each.
size_t distance(const std::u32string& a, const std::u32string& b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = a[i - 1] == b[j - 1];
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
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

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  if (word.size() > longest_word) return "";
  const std::u32string sought = decode(word);
  const size_t limit = sought.size() / 3;
  std::string best;
  size_t best_distance = limit + 1;
  for (const std::string& candidate : candidates) {
    if (candidate == word || candidate.size() > longest_word) continue;
    if (same_but_for_case(word, candidate)) return candidate;
    const std::u32string points = decode(candidate);
    const size_t longer = std::max(points.size(), sought.size());
    if (longer - std::min(points.size(), sought.size()) > limit) continue;
    // Of two as near, a swap of letters is likelier than one too many.
    const size_t d = distance(sought, points);
    const bool likelier = d == best_distance && !best.empty() && points.size() == sought.size() &&
                          decode(best).size() != sought.size();
    if (d < best_distance || likelier) {
      best = candidate;
      best_distance = d;
    }
  }
  return best;
}

}  // namespace nodec::source
