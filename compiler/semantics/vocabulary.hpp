// The words that the language brings along, for who completes what is typed.
#pragma once

#include <string>
#include <vector>

namespace nodec::semantics {

const std::vector<std::string>& function_names();
const std::vector<std::string>& method_option_names();  // of `by METHOD(…)`
const std::vector<std::string>& train_option_names();   // of `train { … }`
std::vector<std::string> optimizer_names();
std::vector<std::string> optimizer_option_names(const std::string& optimizer);
// What a file of the standard library declares: layers, functions, fields, methods.
std::vector<std::string> stdlib_names(std::string_view file);

}  // namespace nodec::semantics
