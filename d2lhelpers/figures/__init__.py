"""The figures of the chapters that are too long to stand in a cell, a module for each chapter.

A function draws one figure from what the chapter has computed and returns it; ``plt.show()`` shows it. A figure that
follows sliders comes with the function that moves it, as `d2lhelpers.explore` takes them.
"""
