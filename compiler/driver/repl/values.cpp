// Numbers to text, in columns.
#include "compiler/driver/repl/values.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace nodec::driver {
namespace {

constexpr int64_t most_shown = 1000;   // numbers of an array that is shown whole
constexpr int64_t most_in_a_row = 20;  // of one axis of it, where rows are printed whole
constexpr int64_t at_the_ends = 3;     // of each axis, where not
constexpr size_t columns = 96;

class Printer {
 public:
  Printer(const Array& array, const std::string& type, int digits)
      : array_(array), type_(type), digits_(digits) {
    const int64_t size = static_cast<int64_t>(array.values.size());
    cut_ = size > most_shown;
    for (const int64_t n : array.shape) cut_ |= n > most_in_a_row && array.shape.size() > 1;
    if (array.shape.size() == 1) cut_ = array.shape[0] > 5 * most_in_a_row;
  }

  std::string text() {
    if (array_.shape.empty()) return number(array_.values[0]);
    if (array_.shape.size() > 1) visit(0, 0, [&](size_t i) { width_ = std::max(width_, number(i).size()); });
    std::string out;
    block(0, 0, out);
    return out;
  }

 private:
  std::string number(size_t i) const { return number(array_.values[i]); }
  std::string number(double x) const {
    if (type_.starts_with("bool")) return x != 0 ? "true" : "false";
    char text[40];
    if (std::isnan(x)) return "nan";
    if (type_.starts_with("int") && std::fabs(x) < 9e15)
      std::snprintf(text, sizeof text, "%.0f", x);
    else
      std::snprintf(text, sizeof text, "%.*g", digits_, x);
    return text;
  }

  int64_t stride(size_t axis) const {
    int64_t n = 1;
    for (size_t a = axis + 1; a < array_.shape.size(); ++a) n *= array_.shape[a];
    return n;
  }
  bool shown(size_t axis, int64_t i) const {
    const int64_t n = array_.shape[axis];
    return !cut_ || n <= 2 * at_the_ends + 1 || i < at_the_ends || i >= n - at_the_ends;
  }

  template <class Visit>
  void visit(size_t axis, int64_t at, const Visit& each) const {
    for (int64_t i = 0; i < array_.shape[axis]; ++i) {
      if (!shown(axis, i)) continue;
      const int64_t next = at + i * stride(axis);
      axis + 1 == array_.shape.size() ? each(static_cast<size_t>(next)) : visit(axis + 1, next, each);
    }
  }

  void block(size_t axis, int64_t at, std::string& out) const {
    const bool last = axis + 1 == array_.shape.size();
    out += "[";
    size_t line = axis + 1;
    bool first = true, gap = false;
    for (int64_t i = 0; i < array_.shape[axis]; ++i) {
      if (!shown(axis, i)) {
        if (!gap) {
          out += last ? ", …" : ",\n" + std::string(axis + 1, ' ') + "…";
          line += 3;
        }
        gap = true;
        continue;
      }
      const int64_t next = at + i * stride(axis);
      if (!last) {
        if (!first) out += ",\n" + std::string(axis + 1, ' ');
        block(axis + 1, next, out);
      } else {
        std::string word = number(static_cast<size_t>(next));
        if (word.size() < width_) word.insert(0, width_ - word.size(), ' ');
        if (!first) {
          out += ",";
          // A long row goes on below itself.
          const bool wrap = line + word.size() + 2 > columns;
          out += wrap ? "\n" + std::string(axis + 1, ' ') : " ";
          line = wrap ? axis + 1 : line + 2;
        }
        line += word.size();
        out += word;
      }
      first = false;
    }
    out += "]";
  }

  const Array& array_;
  const std::string& type_;
  int digits_;
  bool cut_ = false;
  size_t width_ = 0;
};

}  // namespace

std::string numbers_text(const Array& array, const std::string& type, int digits) {
  return Printer(array, type, digits).text();
}

std::string value_text(const Array& array, const std::string& type, int digits) {
  // A scalar has room for more.
  constexpr int more = 4;
  const std::string text = numbers_text(array, type, array.shape.empty() ? digits + more : digits);
  return type + " =" + (text.find('\n') == std::string::npos ? " " : "\n") + text;
}

}  // namespace nodec::driver
