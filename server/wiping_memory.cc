// Memory that the program gives back is overwritten first.
//
// Secrets pass through many hands on their way: a string that grows leaves its former bytes behind, a parsed document
// its nodes, a request its headers. Wiping each place where one may lie would miss some; wiping all that is freed costs
// a few nanoseconds a piece, so that a dump of the process's memory holds what is in use and no more.
// C libraries have allocators of their own; those that see secrets are told likewise where they are owned.

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>

#include <malloc.h>

// The sanitizers bring their own operators, which find more errors than these would prevent.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

void* allocate(std::size_t size, std::size_t alignment) {
  if (size == 0) size = 1;
  for (;;) {
    void* memory = nullptr;
    if (alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
      memory = std::malloc(size);
    } else if (::posix_memalign(&memory, alignment, size) != 0) {
      memory = nullptr;
    }
    if (memory != nullptr) return memory;
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

// Larger pieces hold contents of repositories and archives, of which there are many, and bodies of strangers; whatever
// carries a secret is smaller by far.
constexpr std::size_t kLargestWiped = 1u << 20;

void release(void* memory) noexcept {
  if (memory == nullptr) return;
  if (const std::size_t size = ::malloc_usable_size(memory); size <= kLargestWiped) ::explicit_bzero(memory, size);
  std::free(memory);
}

}  // namespace

// The other forms of both end in these.
void* operator new(std::size_t size) {
  return allocate(size, 0);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  release(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  release(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  release(memory);
}

#endif
