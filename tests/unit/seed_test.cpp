// SPDX-License-Identifier: Apache-2.0
#include "control/seed.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "control/error.h"

namespace belka {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class SeedFile : public testing::Test {
 protected:
  SeedFile() {
    std::string name = (fs::temp_directory_path() / "belka_seed_XXXXXX").string();
    directory_ = mkdtemp(name.data());
  }
  ~SeedFile() override { fs::remove_all(directory_); }

  std::string path(const std::string& name = "seed") const { return (directory_ / name).string(); }

  void write(size_t bytes, mode_t mode = 0600) const {
    std::ofstream(path()) << std::string(bytes, 's');
    ASSERT_EQ(chmod(path().c_str(), mode), 0);
  }

  static std::string error_of(Seed (*reader)(const std::string&), const std::string& path) {
    try {
      reader(path);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  size_t files() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(directory_), {}));
  }

  fs::path directory_;
};

TEST_F(SeedFile, IsMadeOnceWithItsDirectoriesForItsOwnerOnly) {
  const std::string deep = path("a/b/seed");
  const Seed seed = read_or_create_seed(deep);
  struct stat status {};
  ASSERT_EQ(stat(deep.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  EXPECT_EQ(status.st_size, 32);
  EXPECT_EQ(read_or_create_seed(deep), seed);
  EXPECT_EQ(read_seed(deep), seed);
  EXPECT_NE(read_or_create_seed(path()), seed);
}

TEST_F(SeedFile, ModeDoesNotDependOnTheUmask) {
  const mode_t before = umask(0777);
  read_or_create_seed(path());
  umask(before);
  struct stat status {};
  ASSERT_EQ(stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
}

TEST_F(SeedFile, ManyThatMakeItAtOnceHaveTheSame) {
  std::vector<Seed> seeds(16);
  std::vector<std::thread> threads;
  for (Seed& seed : seeds)
    threads.emplace_back([&seed, this] { seed = read_or_create_seed(path()); });
  for (std::thread& thread : threads) thread.join();
  for (const Seed& seed : seeds) EXPECT_EQ(seed, seeds[0]);
  EXPECT_EQ(files(), 1u) << "nothing else is left behind";
}

TEST_F(SeedFile, IsNotMadeByWhoOnlyReads) {
  EXPECT_THAT(error_of(read_seed, path()),
              AllOf(HasSubstr(path()), HasSubstr("there is no seed file")));
  EXPECT_EQ(files(), 0u);
}

TEST_F(SeedFile, OfAnotherSizeIsAnErrorAndStays) {
  for (const size_t size : {0, 31, 33}) {
    write(size);
    EXPECT_THAT(error_of(read_or_create_seed, path()),
                HasSubstr("has " + std::to_string(size) + " bytes, but a seed has exactly 32"));
    EXPECT_EQ(fs::file_size(path()), size);
  }
}

TEST_F(SeedFile, OpenToOthersIsAnErrorWithTheRemedy) {
  for (const mode_t mode : {0640, 0604, 0660, 0601}) {
    write(32, mode);
    EXPECT_THAT(error_of(read_seed, path()), HasSubstr("run chmod 600 " + path()));
  }
  write(32, 0400);
  EXPECT_EQ(error_of(read_seed, path()), "no error");
}

TEST_F(SeedFile, ADirectoryOrAPipeIsNoSeedFile) {
  EXPECT_THAT(error_of(read_or_create_seed, directory_.string()), HasSubstr("is not a plain file"));
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(error_of(read_seed, path("pipe")), HasSubstr("is not a plain file"));
}

TEST_F(SeedFile, WhereItCannotBeMadeIsAnErrorWithTheReason) {
  write(32);
  EXPECT_THAT(error_of(read_or_create_seed, path() + "/seed"), HasSubstr("seed file"));
  EXPECT_THAT(
      error_of(read_or_create_seed, "/proc/belka/seed"),
      AllOf(HasSubstr("cannot create the seed file /proc/belka/seed"), HasSubstr("seed_file:")));
}

TEST(ServiceKey, IsTheSipHashOfTheNameUnderEachHalfOfTheSeed) {
  Seed seed;
  for (size_t i = 0; i < seed.bytes.size(); ++i) seed.bytes[i] = static_cast<uint8_t>(i);
  const SipKey first{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  const SipKey second{0x1716151413121110, 0x1f1e1d1c1b1a1918};
  EXPECT_EQ(service_key(seed, "web"), (SipKey{siphash24(first, "web"), siphash24(second, "web")}));
  EXPECT_NE(service_key(seed, "web"), service_key(seed, "api"));
}

}  // namespace
}  // namespace belka
