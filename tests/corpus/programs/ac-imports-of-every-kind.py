import bisect, collections, decimal, fractions, heapq, itertools, json, math, random, re, statistics
import unicodedata, hashlib, zlib, csv, pprint, textwrap, sys, io, os
sys.stdin = io.BytesIO(os.read(0, 1000))
print(sum(map(int, sys.stdin.readline().split())))
