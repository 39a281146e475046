"""The file and the class that a program starts in are found as the compilers name them."""

import time

import pytest

from mapcoder_lite.judge.languages import toolchain_of
from mapcoder_lite.judge.names import Names, names_of
from mapcoder_lite.problem import Language

MAIN = "public static void main(String[] a) {}"

JAVA = {
    f"class A {{ {MAIN} }}": ("Main", "A"),
    "public class Foo { static class B {} static void main(String[] a) {} }": ("Foo", "Foo"),
    "package a.b;\n// public class No\npublic final class C { "
    'String s = "} class D {"; public static void main(String... a) {} }': ("C", "a.b.C"),
    f"class A {{ static class B {{ {MAIN} }} }}": ("Main", "A$B"),
    f"interface I {{ void f(); }} class Z {{ {MAIN} }}": ("Main", "Z"),
    "nothing": ("Main", "Main"),
    # public only where it names the file
    f"class Graph {{ public record Edge(int a, int b) {{}} }} public class Main {{ {MAIN} }}": (
        *("Main", "Main"),
    ),
    f"class A {{ public static class B {{}} {MAIN} }}": ("Main", "A"),
    f"record P(int x) {{}} public class Q {{ P record = null; {MAIN} }}": ("Q", "Q"),
    # only a static main starts
    f"class Solver {{ void main() {{}} }} public class Main {{ {MAIN} }}": ("Main", "Main"),
    f"class A {{ static void main(int n) {{}} }} class B {{ {MAIN} }}": ("Main", "B"),
    "class A { void main(String[] a) {} } class B { static public void main(String[] a) {} }": (
        *("Main", "B"),
    ),
    "class A { public static final synchronized void main(final String args[]) {} }": (
        *("Main", "A"),
    ),
    # of several, the one that names the file
    f"class A {{ {MAIN} }} public class B {{ {MAIN} }}": ("B", "B"),
    f"class A {{ {MAIN} }} class Main {{ {MAIN} }}": ("Main", "Main"),
    f"class A {{ {MAIN} }} class B {{ {MAIN} }}": ("Main", "A"),
    f"public class Main extends A {{}} class A {{ {MAIN} }}": ("Main", "A"),
    "public class X {}": ("X", "X"),
    # modifiers and annotations
    f"sealed class A permits Z {{}} public non-sealed class Z extends A {{ {MAIN} }}": ("Z", "Z"),
    f'public @SuppressWarnings("x") class Z {{ {MAIN} }}': ("Z", "Z"),
    f'@SuppressWarnings({{"a", "b"}}) final public class Z {{ {MAIN} }}': ("Z", "Z"),
    f"@A(b = @B(1), c = {{2}}) public strictfp enum Z {{ U {{}}, V; {MAIN} }}": ("Z", "Z"),
    "class A { @Deprecated() public static @SafeVarargs void main(String... a) {} }": (
        *("Main", "A"),
    ),
    f"@interface No {{ int v(); }} public @interface Yes {{}} class A {{ {MAIN} }}": ("Yes", "A"),
    f"class A {{ Class<?> c = A.class; char d = '{{', e = '\\''; {MAIN} }}": ("Main", "A"),
    f'class A {{ String s = """\n }} class B {{ \\""" """; {MAIN} }}': ("Main", "A"),
    f"class A {{ int[] b = {{1, 2}}; Object o = new Object() {{ int f; }}; {MAIN} }}": (
        *("Main", "A"),
    ),
}

STATIC = "@JvmStatic fun main(args: Array<String>) {}"

KOTLIN = {
    "fun main() {}": "MainKt",
    "fun main(args: Array<String>) = println(args)": "MainKt",
    "package a.b\n\nsuspend fun main() {}": "a.b.MainKt",
    '@file:JvmName("Start")\nfun main() {}': "Start",
    f"object App {{ {STATIC} }}": "App",
    f"package p;\nobject App {{ {STATIC} }}": "p.App",
    f"class App {{ companion object {{ {STATIC} }} }}": "App",
    f"class App {{ companion object Of {{ val a = 1; {STATIC} }} }}": "App",
    f"object Outer {{ object Inner {{ {STATIC} }} }}": "Outer$Inner",
    "data class P(val x: Int)\nobject App { @JvmStatic public fun main(a: Array<String>) {} }": (
        "App"
    ),
    f"object App {{ {STATIC} }}\nfun main() = App.main(arrayOf())": "MainKt",
    "class Solver { fun main() {} }\nfun main() = Solver().main()": "MainKt",
    'val s = "{ ${"}"}"\nval t = """ \\"""\nfun main() {}': "MainKt",
    f"// object No {{ {STATIC} }}\nobject App {{ {STATIC} }}": "App",
    "nothing": "MainKt",
}


@pytest.mark.parametrize("program", JAVA)
def test_java(program: str) -> None:
    file, main_class = JAVA[program]
    got = names_of(toolchain_of(Language.JAVA), program)
    assert got == Names(f"{file}.java", main_class)


@pytest.mark.parametrize("program", KOTLIN)
def test_kotlin(program: str) -> None:
    got = names_of(toolchain_of(Language.KOTLIN), program)
    assert got == Names("main.kt", KOTLIN[program])


@pytest.mark.parametrize("language", [Language.JAVA, Language.KOTLIN])
@pytest.mark.parametrize(
    "piece",
    [
        *(
            "/*",
            '"""x',
            '"\\',
            "'\\",
            "{",
            "}",
            "@a(",
            "@a((",
            "@a(b",
            "()",
            "public ",
            "void main(",
        ),
        *("class A{", "static public ", "@JvmStatic a ", "package ", " ", "\n", "record ", "/"),
    ],
)
def test_no_text_takes_long(language: Language, piece: str) -> None:
    started = time.process_time()
    names_of(toolchain_of(language), "@a(" + piece * (60_000 // len(piece)))
    assert time.process_time() - started < 2
