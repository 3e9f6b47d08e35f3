// Names of a model as identifiers of C and C++.
#pragma once

#include <set>
#include <string>

namespace nodec::embed {

// Letters that C has not are written out: α is alpha, others by their number. Dots are underscores, and what
// is a keyword of C or C++ gets one at its end.
std::string c_name(const std::string& name);
std::string upper_case(const std::string& name);

// Names of one scope: what is taken gets an underscore at its end.
class CScope {
 public:
  std::string add(const std::string& name);

 private:
  std::set<std::string> taken_;
};

}  // namespace nodec::embed
