// nodec's views as Eigen's maps: the same memory, no copies.
#pragma once

#include <Eigen/Core>
#include <type_traits>

#include "nodec/view.hpp"

namespace nodec {

namespace detail {
template <class Real, int columns>
using EigenMatrix = Eigen::Matrix<std::remove_const_t<Real>, Eigen::Dynamic, columns,
                                  columns == 1 ? Eigen::ColMajor : Eigen::RowMajor>;
template <class Real, int columns>
using EigenMap = Eigen::Map<
    std::conditional_t<std::is_const_v<Real>, const EigenMatrix<Real, columns>, EigenMatrix<Real, columns>>>;
}  // namespace detail

// All values as one column.
template <class Real>
detail::EigenMap<Real, 1> vector(View<Real> view) {
  return {view.data(), static_cast<Eigen::Index>(view.size())};
}

// The last axis as columns, all others as rows: a sample, a time, … a row.
template <class Real>
detail::EigenMap<Real, Eigen::Dynamic> matrix(View<Real> view) {
  const Eigen::Index columns = view.shape().empty() ? 1 : static_cast<Eigen::Index>(view.shape().back());
  const Eigen::Index size = static_cast<Eigen::Index>(view.size());
  return {view.data(), columns > 0 ? size / columns : 0, columns};
}

}  // namespace nodec
