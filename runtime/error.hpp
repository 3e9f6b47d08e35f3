// What goes wrong while data and weights are read, bound and written: values, never exceptions.
//
// A problem's id and wording stand in errors.def alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace nodec::runtime {

enum class Problem : uint8_t {
#define PROBLEM(id, wording) id,
#include "runtime/errors.def"
#undef PROBLEM
};

struct ProblemText {
  std::string_view id;
  std::string_view wording;  // "{}" stands for an argument
};
const ProblemText& problem(Problem id);
int problem_count();

struct Error {
  Problem id;
  std::string file;  // "" when no file is at fault
  int64_t line = 0;  // of a text file, from 1; 0 when unknown
  std::string text;  // the wording with its arguments filled in
  // "file:line: text"
  std::string message() const;
};
using Errors = std::vector<Error>;

// An argument of a wording: text or a number (the shortest text that reads back).
struct Detail {
  std::string text;
  Detail(std::string_view s) : text(s) {}
  Detail(const std::string& s) : text(s) {}
  Detail(const char* s) : text(s) {}
  Detail(double x);
  Detail(int64_t n) : text(std::to_string(n)) {}
  Detail(uint64_t n) : text(std::to_string(n)) {}
  Detail(int n) : text(std::to_string(n)) {}
  // A shape, as "[20, 2]".
  Detail(const std::vector<int64_t>& shape);
};

Error make_error(Problem id, std::string file, int64_t line, std::vector<Detail> details);

template <class... A>
Error error(Problem id, const std::string& file, A&&... details) {
  return make_error(id, file, 0, {Detail(std::forward<A>(details))...});
}

// A value or at least one error.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}
  Result(Error e) : state_(Errors{std::move(e)}) {}
  Result(Errors e) : state_(std::move(e)) {}
  explicit operator bool() const { return state_.index() == 0; }
  T& operator*() { return std::get<0>(state_); }
  const T& operator*() const { return std::get<0>(state_); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  const Errors& errors() const { return std::get<1>(state_); }

 private:
  std::variant<T, Errors> state_;
};

// Of an operation that gives nothing.
struct Done {};

// ", element [1, 0]"; "" for a scalar, which has no other.
std::string element_text(const std::vector<int64_t>& index);
// The same of an element by its number in an array of this shape.
std::string element_text(int64_t number, const std::vector<int64_t>& shape);

// " (did you mean 'x'?)" for the candidate nearest to a misspelt name; "" when none is near: at most a third
// of its letters differ.
std::string suggestion(std::string_view name, const std::vector<std::string>& candidates);

// How many arrays that the model does not use are named in warnings; the rest are counted.
constexpr size_t most_extra_names = 100;

}  // namespace nodec::runtime
