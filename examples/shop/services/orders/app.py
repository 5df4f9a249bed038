"""The orders service: takes an order, answers with its number."""

from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


class Order(BaseModel):
    """What a customer wants."""

    article: str
    quantity: int


async def take(request: Request) -> JSONResponse:
    """Accept one order."""
    order = Order.model_validate(await request.json())
    return JSONResponse({"accepted": order.model_dump()}, status_code=201)


app = Starlette(routes=[Route("/orders", take, methods=["POST"])])
