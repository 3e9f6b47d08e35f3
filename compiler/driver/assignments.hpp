// NAME=… of the command line -> names and numbers.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/embed/include/nodec/nodec.hpp"

namespace nodec::driver {

// What --set gives, by name: "z=1,0" -> z, [1, 0]. Nothing after printing what is wrong.
std::optional<std::map<std::string, std::vector<double>>> parse_sets(const std::vector<std::string>& texts);

// An array of the shape of `d` from the numbers of --set, one for each element, row by row; they also
// give a length. Nothing after printing what is wrong.
std::optional<Array> of_shape(const Description& d, const std::vector<double>& values);

struct Interval {
  double low, high;
};
// What --grid gives, in its order: "x=-2:3,-1:1" -> x, [[-2, 3], [-1, 1]]. Nothing after printing what is
// wrong.
struct Grid {
  std::string name;
  std::vector<Interval> intervals;
};
std::optional<std::vector<Grid>> parse_grids(const std::vector<std::string>& texts);

}  // namespace nodec::driver
