"""The demo company Plotline: a made-up world of usage, written as the tables of a real product would be."""

from pql.demo.generate import UNTIL, WITHOUT_EFFECT, DemoTruth, generate

__all__ = ["UNTIL", "WITHOUT_EFFECT", "DemoTruth", "generate"]
