"""What honest programs of each language do beside computing: threads, deep recursion, libraries."""

import subprocess
from collections.abc import Iterator

import pytest

from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.judge.languages import missing_tools, toolchain_of
from mapcoder_lite.problem import Checker, CheckerKind, Language, Limits, Test
from mapcoder_lite.verdict import Judgement, Verdict

LIMITS = Limits(cpu_seconds=2.0, memory_bytes=256 << 20, output_bytes=1 << 20)
TESTS = (Test(input="", outputs=("42",)),)

TASKS_OF_PYTHON = """
import asyncio
async def later(number):
    await asyncio.sleep(0.001)
    return number
async def main():
    found = await asyncio.gather(later(20), later(21), asyncio.to_thread(lambda: 1))
    print(sum(found))
asyncio.run(main())
"""
TASK_OF_CSHARP = """
using System; using System.Threading.Tasks;
class P { static void Main() { Console.WriteLine(Task.Run(() => 6 * 7).Result); } }
"""
LOOP_OF_CSHARP = """
using System; using System.Threading; using System.Threading.Tasks;
class P { static void Main() {
  long sum = 0;
  Parallel.For(0, 1000, i => Interlocked.Add(ref sum, i));
  Console.WriteLine(sum - 499458); } }
"""
THREADS_OF_CSHARP = """
using System; using System.Threading; using System.Linq;
class P {
  static long made = 0;
  static void Fill() {
    for (int i = 0; i < 100000; i++) Interlocked.Add(ref made, new byte[100].Length); }
  static void Main() {
    var threads = Enumerable.Range(0, 4).Select(i => new Thread(Fill)).ToList();
    threads.ForEach(t => t.Start()); threads.ForEach(t => t.Join());
    GC.Collect();
    Console.WriteLine(made - 39999958); } }
"""
POOLS_OF_JAVA = """
import java.util.concurrent.*; import java.util.stream.*;
class Main {
  static class Sum extends RecursiveTask<Integer> {
    int n; Sum(int n) { this.n = n; }
    protected Integer compute() {
      if (n < 2) return n;
      Sum one = new Sum(n - 1); one.fork();
      return new Sum(n - 2).compute() + one.join(); } }
  public static void main(String[] a) throws Exception {
    int fork = new ForkJoinPool(4).invoke(new Sum(10));
    int stream = IntStream.range(0, 1000).parallel().map(i -> new byte[i].length % 2).sum();
    ExecutorService pool = Executors.newFixedThreadPool(4);
    int future = pool.submit(() -> 7).get(); pool.shutdown(); System.gc();
    System.out.println(fork + stream + future - 520); } }
"""
WORKERS_OF_JAVASCRIPT = """
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
if (!isMainThread) parentPort.postMessage(Array(100000).fill(workerData)[5]);
else Promise.all([20, 22].map(n => new Promise(done =>
  new Worker(__filename, { workerData: n }).on('message', done)
))).then(found => console.log(found[0] + found[1]));
"""
ROUTINES_OF_GO = """
package main
import ("fmt"; "runtime"; "sync")
func main() {
  var wait sync.WaitGroup; var lock sync.Mutex; sum := 0
  for i := 0; i < 50; i++ {
    wait.Add(1)
    go func(k int) {
      defer wait.Done()
      made := [][]byte{}
      for j := 0; j < 500; j++ { made = append(made, make([]byte, 1000)) }
      lock.Lock(); sum += k * len(made); lock.Unlock()
    }(i) }
  wait.Wait(); runtime.GC(); fmt.Println(sum - 612458) }
"""
THREADS_OF_RUBY = """
queue = Queue.new
threads = 4.times.map { |i| Thread.new { Array.new(10000) { "x" * 30 }; queue << i; i } }
puts threads.sum(&:value) + 4.times.sum { queue.pop } + 30
"""
THREADS_OF_KOTLIN = """
import kotlin.concurrent.thread
object App {
    @JvmStatic fun main(args: Array<String>) {
        var sum = 0
        val threads = (1..4).map { k -> thread { synchronized(App) { sum += k } } }
        threads.forEach { it.join() }
        println(sum + 32)
    }
}
"""
PUBLIC_OF_JAVA = """
class Solver { void main() {} }
class Graph { public record Edge(int a, int b) {} }
class Other { public static void main(String[] a) { System.out.println(1); } }
public @SuppressWarnings({"unchecked"}) class Main {
  static public void main(String[] a) { System.out.println(new Graph.Edge(42, 0).a()); } }
"""
LARGE_STACK_OF_JAVA = """
class Main {
  static int deep(int n) { return n == 0 ? 0 : 1 + deep(n - 1); }
  public static void main(String[] a) throws Exception {
    Thread thread = new Thread(null, () -> System.out.println(deep(300000) - 299958), "", STACK);
    thread.start(); thread.join(); } }
"""
EXTENSIONS_OF_PHP = """<?php
$product = gmp_strval(gmp_mul("123456789012345678901", 2));
$sum = bcadd("123456789012345678901", "123456789012345678901");
echo mb_strtoupper("é") === "É" && $product === $sum ? mb_strlen("ééé") * 14 : $sum;
"""
PATH_OF_RUBY = """
def walk(graph, node, parent, depth, seen)
  seen[node] = true
  best = depth
  graph[node].each do |to|
    best = [best, walk(graph, to, node, depth + 1, seen)].max if to != parent && !seen[to]
  end
  best
end
graph = Array.new(100_000) { |i| [i - 1, i + 1].select { |to| to.between?(0, 99_999) } }
puts walk(graph, 0, -1, 0, {}) - 99_957
"""
LEVELS_OF_RUBY = """
def deep(n) = n == 0 ? 0 : 1 + deep(n - 1)
puts deep(100_000) - 99_958
"""
MANY_THREADS_OF_RUBY = "puts 16.times.map { |i| Thread.new { sleep 0.01; i } }.sum(&:value) - 78"


@pytest.fixture(scope="module", params=["bubblewrap", "landlock"])
def judge(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SandboxJudge]:
    cache = tmp_path_factory.getbasetemp() / "compiled-idioms"  # once for both tiers
    try:
        made = SandboxJudge(1, tier=request.param, cache=cache)
    except SandboxError as error:
        pytest.skip(str(error))
    with made:
        yield made


def skip_without(language: Language) -> None:
    toolchain = toolchain_of(language)
    if missing := missing_tools(toolchain):
        pytest.skip(f"{' '.join(missing)} absent: install {' '.join(toolchain.packages)}")


def ask(
    judge: SandboxJudge, program: str, language: Language, checker: Checker = Checker()
) -> Judgement:
    skip_without(language)
    return judge.judge(program, language, TESTS, limits=LIMITS, checker=checker)


def accept(judge: SandboxJudge, program: str, language: Language) -> None:
    got = ask(judge, program, language)
    why = got.compilation.log, got.first_failure, got.results and got.results[0].stderr_tail
    assert got.verdict is Verdict.AC, why


@pytest.mark.parametrize(
    ("language", "program"),
    [
        pytest.param(Language.PYTHON, TASKS_OF_PYTHON, id="python-asyncio"),
        pytest.param(Language.CSHARP, TASK_OF_CSHARP, id="csharp-task"),
        pytest.param(Language.CSHARP, LOOP_OF_CSHARP, id="csharp-loop"),
        pytest.param(Language.CSHARP, THREADS_OF_CSHARP, id="csharp-threads"),
        pytest.param(Language.JAVA, POOLS_OF_JAVA, id="java"),
        pytest.param(Language.JAVASCRIPT, WORKERS_OF_JAVASCRIPT, id="javascript"),
        pytest.param(Language.GO, ROUTINES_OF_GO, id="go"),
        pytest.param(Language.RUBY, THREADS_OF_RUBY, id="ruby"),
        pytest.param(Language.RUBY, MANY_THREADS_OF_RUBY, id="ruby-many"),
        pytest.param(Language.KOTLIN, THREADS_OF_KOTLIN, id="kotlin"),
    ],
)
def test_threads(judge: SandboxJudge, language: Language, program: str) -> None:
    accept(judge, program, language)


def test_a_program_starts_in_its_public_class(judge: SandboxJudge) -> None:
    accept(judge, PUBLIC_OF_JAVA, Language.JAVA)


@pytest.mark.parametrize("stack", ["1 << 30", "Integer.MAX_VALUE"])
def test_a_java_thread_may_ask_for_any_stack(judge: SandboxJudge, stack: str) -> None:
    accept(judge, LARGE_STACK_OF_JAVA.replace("STACK", stack), Language.JAVA)


def test_php_has_what_contests_have(judge: SandboxJudge) -> None:
    skip_without(Language.PHP)
    asked = [
        "php",
        "-r",
        "foreach (['bcmath', 'gmp', 'mbstring'] as $e) extension_loaded($e) || print $e;",
    ]
    lacking = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    if lacking:
        pytest.skip(f"{lacking} absent: install {' '.join(toolchain_of(Language.PHP).packages)}")
    accept(judge, EXTENSIONS_OF_PHP, Language.PHP)


@pytest.mark.parametrize("program", [PATH_OF_RUBY, LEVELS_OF_RUBY], ids=["blocks", "methods"])
def test_ruby_recurses_deep_but_not_for_published_verdicts(
    judge: SandboxJudge, program: str
) -> None:
    accept(judge, program, Language.RUBY)
    published = ask(judge, program, Language.RUBY, Checker(kind=CheckerKind.EXECEVAL))
    assert published.verdict is Verdict.RE
    assert "SystemStackError" in published.results[0].stderr_tail
