const char secret[] =
#include "/etc/passwd"
;
int main() {}
