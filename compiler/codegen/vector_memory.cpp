// Shuffles between registers (see vector_memory.hpp).
#include "compiler/codegen/vector_memory.hpp"

namespace nodec::codegen {

void transpose(Builder& b, llvm::SmallVectorImpl<llvm::Value*>& rows) {
  const int n = static_cast<int>(rows.size());
  llvm::SmallVector<int, 8> low, high;
  for (int l = 0; l < n; ++l) {
    low.push_back(l / 2 + (l % 2) * n);
    high.push_back(n / 2 + l / 2 + (l % 2) * n);
  }
  for (int round = 1; round < n; round *= 2) {
    llvm::SmallVector<llvm::Value*, 8> next;
    for (int r = 0; r < n / 2; ++r) {
      next.push_back(b.CreateShuffleVector(rows[r], rows[r + n / 2], low));
      next.push_back(b.CreateShuffleVector(rows[r], rows[r + n / 2], high));
    }
    rows.assign(next.begin(), next.end());
  }
}

}  // namespace nodec::codegen
