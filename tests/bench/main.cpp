// SPDX-License-Identifier: Apache-2.0
// Runs the benchmarks and prints every figure beside its floor. Everything that needs a network
// happens in a network namespace of this process, which goes with it.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cstring>
#include <iostream>
#include <map>

#include "control/error.h"
#include "tests/bench/figures.h"

namespace belka::bench {
namespace {

std::map<std::string, std::string>& goals() {
  static std::map<std::string, std::string> all;
  return all;
}

/// The names as they were given: without the suffixes that say how time was taken.
std::vector<benchmark::BenchmarkReporter::Run> with_plain_names(
    std::vector<benchmark::BenchmarkReporter::Run> runs) {
  for (auto& run : runs) {
    run.run_name.time_type.clear();
    run.run_name.iterations.clear();
  }
  return runs;
}

class PlainJson : public benchmark::JSONReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    JSONReporter::ReportRuns(with_plain_names(runs));
  }
};

class FloorTable : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override {
    GetOutputStream() << fmt::format("{:<42} {:>10} {:>10} {:>10} {:>12} {:>6}  {}\n", "benchmark",
                                     "median", "floor", "above", "quiet above", "quiet",
                                     "to reach");
    return true;
  }

  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : with_plain_names(runs)) print(run);
    GetOutputStream().flush();
  }

 private:
  static double counter(const Run& run, const char* name) {
    const auto found = run.counters.find(name);
    return found == run.counters.end() ? 0 : found->second.value;
  }

  void print(const Run& run) {
    const std::string name = run.run_name.function_name;
    if (run.error_occurred) {
      GetOutputStream() << fmt::format("{:<42} failed: {}\n", name, run.error_message);
      return;
    }
    const bool cycles = counter(run, "cycles") > 0;
    const double value = cycles ? counter(run, "cycles") : run.real_accumulated_time * 1e9;
    const double floor = counter(run, cycles ? "floor_cycles" : "floor_ns");
    const bool tells_quiet = run.counters.contains("quiet_above");
    GetOutputStream() << fmt::format(
        "{:<42} {:>10} {:>10} {:>10} {:>12} {:>6}  {}\n", name, amount(value, cycles),
        floor > 0 ? amount(floor, cycles) : "-", floor > 0 ? amount(value - floor, cycles) : "-",
        tells_quiet ? amount(counter(run, "quiet_above"), cycles) : "-",
        floor > 0 ? fmt::format("{:.0f} %", counter(run, "quiet_percent")) : "-", goal_of(name));
    if (!run.report_label.empty()) GetOutputStream() << "  " << run.report_label << "\n";
  }

  static std::string amount(double value, bool cycles) {
    if (cycles) return fmt::format("{:.1f} cyc", value);
    if (value >= 1e6) return fmt::format("{:.2f} ms", value / 1e6);
    if (value >= 1e4) return fmt::format("{:.1f} us", value / 1e3);
    return fmt::format("{:.1f} ns", value);
  }
};

void record(benchmark::State& state, const Figure& figure) {
  state.SetIterationTime(figure.ns * 1e-9);
  if (figure.floor_ns > 0) {
    state.counters["floor_ns"] = figure.floor_ns;
    state.counters["above_floor_ns"] = figure.ns - figure.floor_ns;
  }
  if (figure.cycles > 0) {
    state.counters["cycles"] = figure.cycles;
    state.counters["floor_cycles"] = figure.floor_cycles;
    state.counters["above_floor_cycles"] = figure.cycles - figure.floor_cycles;
  }
  if (figure.quiet_percent > 0) state.counters["quiet_percent"] = figure.quiet_percent;
  if (figure.tells_quiet()) state.counters["quiet_above"] = figure.quiet_above;
  if (!figure.note.empty()) state.SetLabel(figure.note);
}

}  // namespace

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void add_figure(const std::string& name, const std::string& goal,
                const std::function<Figure()>& measure) {
  goals()[name] = goal;
  const auto run = [measure](benchmark::State& state) {
    for (auto _ : state) {
      try {
        record(state, measure());
      } catch (const std::exception& failure) {
        state.SkipWithError(failure.what());
      }
    }
  };
  benchmark::RegisterBenchmark(name.c_str(), run)->Iterations(1)->UseManualTime();
}

std::string goal_of(const std::string& name) {
  const auto found = goals().find(name);
  return found == goals().end() ? "" : found->second;
}

}  // namespace belka::bench

int main(int argc, char** argv) {
  if (unshare(CLONE_NEWNET) != 0) {
    std::cerr << "bench: no network namespace of its own: " << std::strerror(errno)
              << "; run as root\n";
    return 1;
  }
  const bool to_file = std::any_of(argv, argv + argc, [](const char* argument) {
    return std::string_view(argument).starts_with("--benchmark_out=");
  });
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  belka::bench::FloorTable table;
  belka::bench::PlainJson json;
  benchmark::RunSpecifiedBenchmarks(&table, to_file ? &json : nullptr);
  return 0;
}
