// SPDX-License-Identifier: Apache-2.0
#include "control/cli.h"

#include <gflags/gflags.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "control/api.h"
#include "control/seed.h"
#include "tests/unit/controller_fixture.h"

namespace belka {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Ran {
  int code;
  std::string out, err;
};

Ran run(const std::vector<std::string>& arguments) {
  const gflags::FlagSaver keep;
  std::ostringstream out, err;
  Console console{out, err};
  const int code = run_belkactl(arguments, console);
  return {code, out.str(), err.str()};
}

TEST(Cli, HelpListsEveryCommand) {
  const Ran help = run({"help"});
  EXPECT_EQ(help.code, kExitOk);
  for (const Command& command : commands()) {
    EXPECT_THAT(help.out, HasSubstr("\n  " + std::string(command.name) + " "));
    const Ran one = run({"help", std::string(command.name)});
    EXPECT_EQ(one.code, kExitOk);
    EXPECT_THAT(one.out, StartsWith("usage: belkactl " + std::string(command.name)));
    EXPECT_EQ(run({std::string(command.name), "--help"}).out, one.out);
  }
}

TEST(Cli, HelpOfGetNamesEachColumnOfDrains) {
  const std::string help = run({"help", "get"}).out;
  for (const char* column : {"HELD", "OPENING", "LOOKING", "CONNECTIONS", "OLDEST", "LIMIT"})
    EXPECT_THAT(help, HasSubstr("\n  " + std::string(column) + " "));
}

TEST(Cli, DrainLimitTakesATimeOrHard) {
  const Ran both = run({"drain-limit", "web", "10m", "--hard"});
  EXPECT_EQ(both.code, kExitUsage);
  EXPECT_THAT(both.err, HasSubstr("found a time and --hard, allowed is one of them"));
  const Ran none = run({"drain-limit", "web"});
  EXPECT_EQ(none.code, kExitUsage);
  EXPECT_THAT(none.err, HasSubstr("found neither a time nor --hard"));
}

TEST(Cli, WhatIsNotUnderstoodExitsWithTwo) {
  EXPECT_EQ(run({}).code, kExitUsage);
  const Ran unknown = run({"stat"});
  EXPECT_EQ(unknown.code, kExitUsage);
  EXPECT_THAT(unknown.err, HasSubstr("found stat, which is no command; there are apply, plan"));
  EXPECT_THAT(run({"status", "--foo"}).err, HasSubstr("found --foo, which is no flag"));
  EXPECT_THAT(run({"status", "-f", "x"}).err, HasSubstr("status does not take --file"));
  EXPECT_THAT(run({"status", "-o"}).err, HasSubstr("--output wants a value"));
  EXPECT_THAT(run({"status", "-o", "xml"}).err, HasSubstr("found xml, allowed is table or json"));
  EXPECT_THAT(run({"status", "-o", "json", "--output=json"}).err, HasSubstr("given twice"));
  EXPECT_THAT(run({"get"}).err, HasSubstr("usage: belkactl get services|pools|backends"));
  EXPECT_THAT(run({"get", "foo"}).err, HasSubstr("found foo, allowed is services"));
  EXPECT_THAT(run({"split", "web"}).err, HasSubstr("usage: belkactl split SERVICE POOL=SHARE"));
  EXPECT_THAT(run({"split", "web"}).err,
              HasSubstr("found 1 argument to split, allowed are 2 to 64"));
  EXPECT_THAT(run({"status", "x"}).err, HasSubstr("found 1 argument to status, allowed is none"));
  EXPECT_THAT(run({"get", "a", "b"}).err, HasSubstr("found 2 arguments to get, allowed is 1"));
  EXPECT_THAT(run({"apply"}).err, HasSubstr("no file is named; pass -f FILE"));
  EXPECT_THAT(run({"tables", "--ifindex=x"}).err, HasSubstr("--ifindex: found x"));
  EXPECT_EQ(run({"split", "web", "canary=5"}).code, kExitUsage);
  EXPECT_EQ(run({"explain", "nonsense"}).code, kExitUsage);
}

TEST(Cli, FlagsStandAnywhereAndEndAtTwoDashes) {
  const gflags::FlagSaver keep;
  const CommandLine line =
      parse_command_line({"-o", "json", "get", "--socket=/x y", "pools", "--", "-f"});
  EXPECT_EQ(line.words, (std::vector<std::string>{"get", "pools", "-f"}));
  EXPECT_EQ(line.output, "json");
  EXPECT_EQ(line.socket, "/x y");
  EXPECT_TRUE(line.has("socket"));
  EXPECT_FALSE(line.has("pins"));
}

TEST(Cli, WithoutADaemonItSaysTheRemedy) {
  const Ran status = run({"status", "--socket=/nowhere/belkad.sock"});
  EXPECT_EQ(status.code, kExitFailed);
  EXPECT_EQ(status.err,
            "belkactl: no belkad listens on /nowhere/belkad.sock; start belkad, or name its socket "
            "with --socket=PATH\n");
}

// A daemon but for its threads, in a directory of its own.
class CliWithDaemon : public ControllerFixture {
 protected:
  CliWithDaemon() {
    char pattern[] = "/tmp/belka-cli-XXXXXX";
    directory_ = mkdtemp(pattern);
    api_ = std::make_unique<Api>(controller_, directory_ + "/sock");
  }
  ~CliWithDaemon() override {
    api_.reset();
    std::filesystem::remove_all(directory_);
  }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ + "/" + name) << text;
    return directory_ + "/" + name;
  }

  Ran ctl(std::vector<std::string> arguments) {
    arguments.push_back("--socket=" + directory_ + "/sock");
    return run(arguments);
  }

  std::string directory_;
  std::unique_ptr<Api> api_;
};

constexpr const char* kFlow = "198.51.100.7:40000 > 203.0.113.10:443/tcp";

TEST_F(CliWithDaemon, AppliesSplitsAndShows) {
  const std::string file = write("web.yaml", web_yaml());
  const Ran applied = ctl({"apply", "-f", file});
  EXPECT_EQ(applied.code, kExitOk) << applied.err;
  EXPECT_THAT(applied.out, HasSubstr("in force as generation 1, in both planes\n"));
  EXPECT_THAT(ctl({"plan", "-f", file}).out, HasSubstr("nothing changes"));
  const Ran split = ctl({"split", "web", "canary=12.5%", "baseline=match"});
  EXPECT_EQ(split.code, kExitOk) << split.err;
  const Ran pools = ctl({"get", "pools"});
  EXPECT_EQ(pools.out,
            "SERVICE  POOL             WANTED   IN FORCE  SLOTS  BACKENDS  READY  UP  FALLBACK\n"
            "web      prod                75%  75.0000 %    768         2      0   2  none\n"
            "web      canary            12.5%  12.5000 %    128         1      0   1  none\n"
            "web      baseline  12.5% (match)  12.5000 %    128         1      0   1  none\n");
  EXPECT_EQ(ctl({"get", "services"}).code, kExitOk);
  EXPECT_EQ(ctl({"get", "backends"}).code, kExitOk);
  EXPECT_EQ(ctl({"status"}).code, kExitOk);
  EXPECT_THAT(ctl({"stats"}).out, HasSubstr("plane dpdk: received 0 packets = sum of verdicts"));
  const auto json = nlohmann::json::parse(ctl({"stats", "-o", "json"}).out);
  EXPECT_TRUE(json["services"][0]["pools"][0]["observed"]["syns"]["share"].is_null());
}

TEST_F(CliWithDaemon, TakesABackendOutAndBackIn) {
  ctl({"apply", "-f", write("web.yaml", web_yaml())});
  const Ran drained = ctl({"backend", "drain", "10.0.2.1"});
  EXPECT_EQ(drained.code, kExitOk) << drained.err;
  EXPECT_THAT(drained.out, HasSubstr(" drained "));
  EXPECT_THAT(ctl({"status"}).out, HasSubstr("FALLS BACK  SERVICE  UP  BACKENDS  TO\n"
                                             "canary      web       0         1  prod\n"));
  EXPECT_THAT(ctl({"backend", "undrain", "10.0.2.1", "web"}).out, HasSubstr(" up "));
  EXPECT_THAT(ctl({"backend", "disable", "10.0.1.1"}).out, HasSubstr(" disabled "));
  EXPECT_THAT(ctl({"backend", "undrain", "10.0.1.1"}).out, HasSubstr(" returns "));
  for (const auto& [words, sentence] :
       std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"backend", "drain", "10.9.9.9"}, "no backend 10.9.9.9 in any service; "},
           {{"backend", "drain", "10.0.2.1", "mail"}, "no service mail; there are web"},
           {{"backend", "drain", "ten"}, "found ten, allowed is the address of a backend"}}) {
    const Ran refused = ctl(words);
    EXPECT_EQ(refused.code, kExitFailed);
    EXPECT_THAT(refused.err, HasSubstr(sentence));
  }
  EXPECT_EQ(ctl({"backend", "stop", "10.0.2.1"}).code, kExitUsage);
}

TEST_F(CliWithDaemon, SaysHowManySlotsAGentleDrainHolds) {
  ctl({"apply", "-f", write("web.yaml", web_yaml())});
  EXPECT_THAT(ctl({"backend", "drain", "10.0.2.1", "--gentle"}).out,
              HasSubstr("\n256 slots are held for 4 s, then they change\n"));
}

TEST_F(CliWithDaemon, MarksAServiceThatIsRemovedAndDrains) {
  ctl({"apply", "-f", write("web.yaml", web_yaml())});
  const std::string none = std::string("seed_file: ") + kSeedFile + "\nservices: []\n";
  EXPECT_EQ(ctl({"apply", "-f", write("none.yaml", none)}).code, kExitOk);
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"get", "services"},
                                             {"get", "pools"},
                                             {"get", "backends"},
                                             {"get", "drains"},
                                             {"status"},
                                             {"stats"}}) {
    EXPECT_THAT(ctl(words).out, HasSubstr("web (removed)")) << words.back();
  }
}

TEST_F(CliWithDaemon, ARefusalShowsEverySentence) {
  ctl({"apply", "-f", write("web.yaml", web_yaml())});
  const Ran split = ctl({"split", "web", "nope=1%", "neither=2%"});
  EXPECT_EQ(split.code, kExitFailed);
  EXPECT_THAT(split.err, HasSubstr("nope: no such pool of service web"));
  EXPECT_THAT(split.err, HasSubstr("neither: no such pool of service web"));
  EXPECT_THAT(ctl({"split", "wbe", "canary=1%"}).err, HasSubstr("no service wbe; there are web"));
}

TEST_F(CliWithDaemon, ExplainAnswersTheSameWithoutADaemon) {
  const std::string seed = directory_ + "/seed";
  read_or_create_seed(seed);
  std::string yaml = web_yaml();
  yaml.replace(yaml.find(kSeedFile), std::string(kSeedFile).size(), seed);
  const std::string file = write("web.yaml", yaml);
  const Ran alone = run({"explain", "--config", file, kFlow});
  ASSERT_EQ(alone.code, kExitOk) << alone.err;
  EXPECT_THAT(alone.out, HasSubstr("next hop   not known without a daemon\n"));
  const std::string tables = directory_ + "/tables";
  const Ran made_tables = run({"tables", "-f", file, "--out", tables,
                               "--next-hop=02:00:00:00:00:01", "--source-mac=02:00:00:00:00:02"});
  ASSERT_EQ(made_tables.code, kExitOk) << made_tables.err;
  const Ran mapped = run({"explain", "--tables", tables, kFlow});
  const auto head = [](const std::string& text) { return text.substr(0, text.find("next hop")); };
  EXPECT_EQ(head(mapped.out), head(alone.out));
  EXPECT_THAT(mapped.out, HasSubstr("verdict    forwarded_ipip (TX)"));
  EXPECT_THAT(run({"plan", "--tables", tables, "-f", file}).out, HasSubstr("nothing changes"));
}

TEST_F(CliWithDaemon, ExplainWithoutTheSeedFails) {
  std::string yaml = web_yaml();
  yaml.replace(yaml.find(kSeedFile), std::string(kSeedFile).size(), directory_ + "/no-seed");
  const Ran explained = run({"explain", "--config", write("web.yaml", yaml), kFlow});
  EXPECT_EQ(explained.code, kExitFailed);
  EXPECT_THAT(explained.err, HasSubstr("no seed file " + directory_ + "/no-seed"));
}

TEST_F(CliWithDaemon, CheckFindsEveryErrorWithoutADaemon) {
  const Ran good = run({"check", "-f", write("web.yaml", web_yaml())});
  EXPECT_EQ(good.code, kExitOk);
  EXPECT_THAT(good.out, HasSubstr("canary       25%  25.0000 %    256         1\n"));
  const Ran bad = run({"check", "-f", write("bad.yaml", "services:\n  - vip: x\n")});
  EXPECT_EQ(bad.code, kExitFailed);
  EXPECT_THAT(bad.err, HasSubstr("bad.yaml:2: services[0].vip: found x"));
}

TEST_F(CliWithDaemon, TablesRefusesAMacOfNoHost) {
  const std::string file = write("web.yaml", web_yaml());
  for (const char* mac :
       {"", "x", "00:00:00:00:00:00", "01:00:00:00:00:01", "2:0:0:0:0:1", "02:00:00:00:00:01:02"}) {
    const Ran made = run({"tables", "-f", file, "--out", directory_ + "/t",
                          std::string("--next-hop=") + mac, "--source-mac=02:00:00:00:00:02"});
    EXPECT_EQ(made.code, kExitUsage) << mac;
  }
}

}  // namespace
}  // namespace belka
