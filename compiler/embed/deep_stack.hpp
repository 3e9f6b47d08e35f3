// A function -> its result, computed on a stack of known size.
//
// Parsing, elaboration and derivation recurse over the program; the limits of nesting that they enforce hold
// for a main thread's usual 8 MiB, but a host may call from a thread with less, and sanitizers widen every
// frame.
#pragma once

#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

namespace nodec::embed {

// Calls `work` on a thread with a stack of 64 MiB (address space: pages are taken when touched) and waits for
// it; an exception of `work` is thrown here. Where no such thread can be had, calls it on the caller's.
void run_on_deep_stack(const std::function<void()>& work);

template <typename Work>
auto on_deep_stack(Work&& work) {
  using Value = std::invoke_result_t<Work>;
  std::optional<Value> result;
  run_on_deep_stack([&] { result.emplace(work()); });
  return std::move(*result);
}

}  // namespace nodec::embed
