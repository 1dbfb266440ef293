def main(url, n):
    return n
