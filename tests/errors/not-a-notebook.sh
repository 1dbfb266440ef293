echo 'print("hello")' > nothing.py
gitopsc import nothing.py
