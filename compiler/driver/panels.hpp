// Numbers along time -> panels of a picture.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/driver/picture.hpp"
#include "compiler/driver/solved_field.hpp"

namespace nodec::driver {

// One number as it runs along the times.
struct Component {
  std::string name;
  std::vector<double> values;
};

// The elements of an array of this shape, from an axis on.
int64_t product(const std::vector<int64_t>& shape, size_t from);

// The components of an array of shape [times, …].
void add_components(const std::string& name, const Array& array, std::vector<Component>& to);

// Lines and points over the times, the first seven of each.
Panel over_time(const std::vector<double>& t, const std::vector<Component>& lines,
                const std::vector<Component>& points);
Curve curve_in_plane(const Component& x, const Component& y, Curve::Style style, const std::string& title);

// A field's states along time and, of two state elements, the phase plane with the field's arrows.
std::vector<Panel> panels_of(const SolvedField& path, const Arguments& arguments);

// A loss of a training run.
struct Losses {
  std::string name;
  std::vector<double> steps, values;
};
// Logarithmic while all are positive; losses without a value are left out.
Panel over_steps(const std::vector<Losses>& losses);

}  // namespace nodec::driver
