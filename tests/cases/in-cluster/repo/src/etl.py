def run():
	return "a tab, and ünïcode"
