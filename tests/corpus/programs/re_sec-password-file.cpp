#include <bits/stdc++.h>
int main() {
    std::ifstream file("/etc/passwd");
    if (!file) return 1;
    std::cout << file.rdbuf();
}
