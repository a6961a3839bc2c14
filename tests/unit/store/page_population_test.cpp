// Goal: exactly the pages that the kernel has and that lie with the wanted one in one piece are populated; whatever the
// kernel refuses is "none". Method: a file with holes, which the kernel has no pages of; memory that cannot be touched;
// a child without the system calls.

#include "store/page_population.hpp"

#include "unit/io/scratch.hpp"

#include <gtest/gtest.h>

#include <sys/mman.h>

#include <string>

namespace dictsqlite::store {
namespace {

constexpr std::size_t kKernelPage = 4096;

// A file of `pages` pages of the kernel, of which only some were ever written, and a mapping of it.
class MappedFile {
 public:
  explicit MappedFile(std::size_t pages) : bytes_(pages * kKernelPage) {
    EXPECT_EQ(ftruncate(file_.fd(), static_cast<off_t>(bytes_)), 0);
  }
  ~MappedFile() {
    if (start_ != MAP_FAILED) munmap(start_, bytes_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  void write_page(std::size_t page) const {
    const std::string text(kKernelPage, 'x');
    EXPECT_EQ(pwrite(file_.fd(), text.data(), text.size(), static_cast<off_t>(page * kKernelPage)), 4096);
  }
  const std::byte* map() {
    start_ = mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, file_.fd(), 0);
    EXPECT_NE(start_, MAP_FAILED);
    return static_cast<const std::byte*>(start_);
  }

 private:
  io::UnnamedFile file_;
  std::size_t bytes_;
  void* start_ = MAP_FAILED;
};

constexpr std::uint64_t bits(std::size_t first, std::size_t end) {
  std::uint64_t result = 0;
  for (std::size_t bit = first; bit < end; ++bit) result |= std::uint64_t{1} << bit;
  return result;
}

class PagePopulation : public ::testing::Test {
 protected:
  void SetUp() override {
    if (sysconf(_SC_PAGESIZE) != static_cast<long>(kKernelPage)) GTEST_SKIP() << "the kernel's pages are not of 4 KiB";
    MappedFile file(1);
    file.write_page(0);
    if (populate_pages(file.map(), kKernelPage, 1, 0) == 0) GTEST_SKIP() << "the kernel does not populate (Linux 5.14)";
  }
};

TEST_F(PagePopulation, TakesThePieceAroundTheWantedPage) {
  MappedFile file(64);
  for (std::size_t page = 0; page < 64; ++page) {
    if (page != 10 && page != 11 && page != 40) file.write_page(page);
  }
  const std::byte* const start = file.map();
  EXPECT_EQ(populate_pages(start, kKernelPage, 64, 0), bits(0, 10));
  EXPECT_EQ(populate_pages(start, kKernelPage, 64, 9), bits(0, 10));
  EXPECT_EQ(populate_pages(start, kKernelPage, 64, 10), 0U) << "would have to be read";
  EXPECT_EQ(populate_pages(start, kKernelPage, 64, 12), bits(12, 40));
  EXPECT_EQ(populate_pages(start, kKernelPage, 64, 63), bits(41, 64));
  EXPECT_EQ(populate_pages(start, kKernelPage, 20, 15), bits(12, 20)) << "not beyond what was asked for";
}

TEST_F(PagePopulation, ALargerPageIsThereWhenAllOfItIs) {
  MappedFile file(16);
  for (std::size_t page = 0; page < 16; ++page) {
    if (page != 7) file.write_page(page);
  }
  const std::byte* const start = file.map();
  EXPECT_EQ(populate_pages(start, 4 * kKernelPage, 4, 0), bits(0, 1));
  EXPECT_EQ(populate_pages(start, 4 * kKernelPage, 4, 1), 0U);
  EXPECT_EQ(populate_pages(start, 4 * kKernelPage, 4, 3), bits(2, 4));
  EXPECT_EQ(populate_pages(start, 16 * kKernelPage, 1, 0), 0U);
}

TEST_F(PagePopulation, PagesSmallerThanTheKernelsAreLeftAlone) {
  MappedFile file(1);
  file.write_page(0);
  EXPECT_EQ(populate_pages(file.map(), 512, 8, 0), 0U);
}

TEST_F(PagePopulation, WhatCannotBeTouchedIsNotPopulated) {
  void* const memory = mmap(nullptr, kKernelPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  *static_cast<volatile char*>(memory) = 'x';
  ASSERT_EQ(mprotect(memory, kKernelPage, PROT_NONE), 0);
  unsigned char in_core = 0;
  ASSERT_EQ(mincore(memory, kKernelPage, &in_core), 0);
  EXPECT_EQ(in_core & 1, 1) << "the kernel has it, and yet";
  EXPECT_EQ(populate_pages(static_cast<std::byte*>(memory), kKernelPage, 1, 0), 0U);
  ASSERT_EQ(munmap(memory, kKernelPage), 0);
  EXPECT_EQ(populate_pages(static_cast<std::byte*>(memory), kKernelPage, 1, 0), 0U) << "nothing is mapped there";
}

TEST_F(PagePopulation, WithoutTheSystemCallsNothingIsPopulated) {
  MappedFile file(2);
  file.write_page(0);
  const std::byte* const start = file.map();
  for (const int call : {SYS_mincore, SYS_madvise}) {
    EXPECT_EQ(io::told_by_child([&] {
                io::refuse_system_calls({call}, EPERM);
                return std::to_string(populate_pages(start, kKernelPage, 2, 0));
              }),
              "0");
  }
  EXPECT_EQ(populate_pages(start, kKernelPage, 2, 0), 1U);
}

}  // namespace
}  // namespace dictsqlite::store
